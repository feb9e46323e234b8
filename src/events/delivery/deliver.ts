/** One attempt at one delivery: a POST. The status of the answer says whether the endpoint accepted the event. */

import type { AddressOptions } from '../../lib/outgoing-address.ts'
import { ANSWER_BYTES, type OutgoingRequest, sendRequest } from '../../lib/outgoing-request.ts'
import { CONTENT_TYPES, deliveryBody } from '../model/envelope.ts'
import type { RegistryEvent } from '../model/event.ts'
import type { Endpoint } from '../webhooks/endpoint.ts'
import { webhookHeaders } from '../webhooks/signature.ts'

/** This many bytes of an answer are kept. More are read, so that the connection can be reused. */
const EXCERPT_BYTES = 1024

const ERROR_CHARACTERS = 256

export interface Attempt {
  /** Null if there was no answer. */
  status: number | null
  ms: number
  /** Null for a success: a 2xx answer that was read to its end, or to ANSWER_BYTES. */
  error: string | null
  /** The first 1 KiB of the answer as text, without control characters. Null if no body was read. */
  excerpt: string | null
}

/** Sends the event to the endpoint. Never throws. The address is checked again, because the rules may have changed since it was stored. */
export async function deliver(
  endpoint: Endpoint,
  event: RegistryEvent,
  address: AddressOptions,
): Promise<Attempt> {
  const begun = Date.now()
  const attempt: Omit<Attempt, 'ms'> = { status: null, error: null, excerpt: null }
  const signal = AbortSignal.timeout(endpoint.timeoutMs)
  try {
    const request = await requestFor(endpoint, event, begun, signal)
    const response = await sendRequest(endpoint.url, request, address)
    attempt.status = response.status
    attempt.error = statusProblem(response.status)
    attempt.excerpt = await readExcerpt(response)
  } catch (error) {
    attempt.error = signal.aborted ? `no answer within ${endpoint.timeoutMs} ms` : textOf(error)
  }
  return { ...attempt, ms: Date.now() - begun }
}

async function requestFor(
  endpoint: Endpoint,
  event: RegistryEvent,
  now: number,
  signal: AbortSignal,
): Promise<OutgoingRequest> {
  const { format, references, secrets } = endpoint
  const body = deliveryBody(format, event, { references })
  const headers = new Headers()
  for (const [name, value] of endpoint.headers) headers.append(name, value)
  headers.set('Content-Type', CONTENT_TYPES[format])
  const signed = await webhookHeaders(secrets, event.id, now, body)
  for (const [name, value] of Object.entries(signed)) headers.set(name, value)
  return { method: 'POST', headers, body, signal }
}

function statusProblem(status: number): string | null {
  if (status >= 200 && status < 300) return null
  return status >= 300 && status < 400
    ? `the answer is ${status}: redirects are not followed`
    : `the answer is ${status}`
}

/**
 * Reads at most ANSWER_BYTES of the answer.
 * @throws if the answer breaks off or takes too long
 */
async function readExcerpt(response: Response): Promise<string | null> {
  if (response.body === null) return null
  const kept = new Uint8Array(EXCERPT_BYTES)
  const reader = response.body.getReader()
  let read = 0
  while (read < ANSWER_BYTES) {
    const { done, value } = await reader.read()
    if (done) break
    if (read < EXCERPT_BYTES) kept.set(value.subarray(0, EXCERPT_BYTES - read), read)
    read += value.length
  }
  if (read >= ANSWER_BYTES) await reader.cancel()
  return excerptOf(kept.subarray(0, read))
}

/** Drops a character that is cut in two. */
function excerptOf(bytes: Uint8Array): string {
  const text = printable(new TextDecoder().decode(bytes, { stream: true }))
  // Invalid UTF-8 has grown: each bad byte became a replacement character of three bytes.
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(EXCERPT_BYTES))
  return text.slice(0, read)
}

/** Removes control and formatting characters, which could change how the rest is shown. Line breaks and tabs stay. */
function printable(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, '')
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return printable(text).slice(0, ERROR_CHARACTERS)
}
