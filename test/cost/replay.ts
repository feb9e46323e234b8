/** Sends a client's sequence to the Worker, with an image of our own in place of the recorded one, and counts what it costs. */
import {
  createExecutionContext,
  createMessageBatch,
  listDurableObjectIds,
  runDurableObjectAlarm,
  waitOnExecutionContext,
} from 'cloudflare:test'

import { env } from 'cloudflare:workers'
import { expect, vi } from 'vitest'
import type { Env } from '../../src/http/middleware/context.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { MEDIA_TYPE_OCI_MANIFEST } from '../../src/oci/media-types.ts'
import { bytesOf, imageManifest, ORIGIN, type PushedBlob } from '../support/registry.ts'
import worker from '../support/worker.ts'
import { countInvocation, countObjectRequest, meterBindings, takeQueued } from './meter.ts'
import type { Each, Request as Sent, Sequence } from './sequences.ts'

export const ADMIN_PASSWORD = 'counted to the last row'

/** A registry that asks for a login, as one that is deployed does. */
export const registry: Env = meterBindings({ ...env, OPEN_ACCESS: 'false', ADMIN_PASSWORD })

interface Blob extends PushedBlob {
  bytes: Uint8Array<ArrayBuffer>
}

export interface Image {
  repository: string
  tag: string
  config: Blob
  layers: Blob[]
  manifest: Blob
}

/** An image whose content no other tag has, and which is the same each time: how many rows a look-up reads may depend on digests. */
export async function newImage(
  repository: string,
  tag: string,
  layers: number,
  layerBytes: number,
): Promise<Image> {
  const config = await blobOf(bytesOf(JSON.stringify({ repository, tag })))
  const made: Blob[] = []
  for (let layer = 0; layer < layers; layer++) {
    const bytes = new Uint8Array(layerBytes)
    bytes.set(bytesOf(`${repository}:${tag}, layer ${layer}`))
    made.push(await blobOf(bytes))
  }
  const manifest = await blobOf(imageManifest(descriptorOf(config), made.map(descriptorOf)))
  return { repository, tag, config, layers: made, manifest }
}

async function blobOf(bytes: Uint8Array<ArrayBuffer>): Promise<Blob> {
  return { digest: await digestOf(bytes), size: bytes.length, bytes }
}

function descriptorOf({ digest, size }: Blob): PushedBlob {
  return { digest, size }
}

export interface Login {
  user: string
  password: string
}

/** Sends the sequence for the image; every answer has to have the recorded status. */
export async function replay(
  sequence: Sequence,
  image: Image,
  login: Login,
  bindings: Env = registry,
): Promise<void> {
  const session: Session = { image, login, bindings, token: null, location: '' }
  for (const [each, ...requests] of sequence) {
    for (const blob of blobsOf(image, each)) {
      for (const request of requests) await step(session, request, blob)
    }
  }
}

interface Session {
  image: Image
  login: Login
  bindings: Env
  token: string | null
  /** Of the upload that goes on. */
  location: string
}

function blobsOf({ config, layers, manifest }: Image, each: Each): Blob[] {
  if (each === 'image') return [manifest]
  if (each === 'layer') return layers
  return each === 'config' ? [config] : [...layers, config]
}

async function step(session: Session, request: Sent, blob: Blob): Promise<void> {
  const [method = '', what = '', ...rest] = request.split(' ')
  const status = Number(rest.pop())
  const body = rest[0] !== undefined
  const path = pathOf(session, method, what, blob)
  const headers = new Headers(session.token === null ? {} : { Authorization: session.token })
  const init: RequestInit = { method, headers }
  if (what === 'token') authenticate(session, method, init, headers)
  if (body) init.body = blob.bytes
  if (rest[0] === 'whole') headers.set('Content-Length', String(blob.size))
  if (rest[0] === undefined && what === 'upload') headers.set('Content-Length', '0')
  if (method === 'PUT' && what === 'tag') {
    init.body = blob.bytes
    headers.set('Content-Type', MEDIA_TYPE_OCI_MANIFEST)
  }
  const response = await ask(path, init, session.bindings)
  expect([request, response.status]).toEqual([request, status])
  session.location = response.headers.get('Location') ?? session.location
  if (what === 'token') {
    const { token } = JSON.parse(response.body)
    session.token = `Bearer ${token}`
  }
}

function pathOf(
  { image, location }: Session,
  method: string,
  what: string,
  { digest }: Blob,
): string {
  const { repository, tag } = image
  switch (what) {
    case 'base':
      return '/v2/'
    case 'token':
      return method === 'POST' ? '/token' : `/token?account=user&${scopeOf(repository)}`
    case 'tag':
      return `/v2/${repository}/manifests/${tag}`
    case 'manifest':
      return `/v2/${repository}/manifests/${digest}`
    case 'blob':
      return `/v2/${repository}/blobs/${digest}`
    default:
      if (method === 'POST') return `/v2/${repository}/blobs/uploads/`
      if (method === 'PATCH') return location
      return `${location}?digest=${encodeURIComponent(digest)}`
  }
}

function scopeOf(repository: string): string {
  return `scope=${encodeURIComponent(`repository:${repository}:pull,push`)}&service=berth`
}

function authenticate(
  { image, login }: Session,
  method: string,
  init: RequestInit,
  headers: Headers,
): void {
  const { user, password } = login
  if (method === 'GET') {
    headers.set('Authorization', `Basic ${btoa(`${user}:${password}`)}`)
    return
  }
  headers.set('Content-Type', 'application/x-www-form-urlencoded; charset=utf-8')
  const form = new URLSearchParams(scopeOf(image.repository))
  form.set('client_id', 'containerd-client')
  form.set('grant_type', 'password')
  form.set('username', user)
  form.set('password', password)
  init.body = form.toString()
}

interface Answer {
  status: number
  headers: Headers
  /** '' of a blob: its bytes were read and let go. */
  body: string
}

/** One request, and everything that it began. */
export async function ask(
  path: string,
  init: RequestInit,
  bindings: Env = registry,
): Promise<Answer> {
  countInvocation()
  const ctx = createExecutionContext()
  const request = new Request(new URL(path, ORIGIN), { redirect: 'manual', ...init })
  const response = await worker.fetch(request, bindings, ctx)
  const isBytes = response.headers.get('Content-Type') === 'application/octet-stream'
  const body = isBytes ? '' : await response.text()
  if (isBytes) await response.body?.pipeTo(new WritableStream())
  await waitOnExecutionContext(ctx)
  return { status: response.status, headers: response.headers, body }
}

/** Hands what was queued to the consumer: each message in a batch of its own, as when a push takes longer than a batch waits. */
export async function consumeQueued(bindings: Env = registry): Promise<void> {
  for (const body of takeQueued()) {
    countInvocation()
    const message = { id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }
    await worker.queue(createMessageBatch('berth-events', [message]), bindings)
  }
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Uploads that test files before this one left in the process. */
const othersUploads = new Set((await listDurableObjectIds(env.UPLOADS)).map(String))

/** What comes of a push in the week after it: the upload sessions' alarms go off, after a day and after a week, and they are forgotten. */
export async function forgetUploads(): Promise<void> {
  const now = Date.now()
  const all = await listDurableObjectIds(env.UPLOADS)
  const objects = all.filter((id) => !othersUploads.has(id.toString()))
  for (const days of [1, 9]) {
    vi.spyOn(Date, 'now').mockReturnValue(now + days * DAY_MS)
    for (const id of objects) {
      if (await runDurableObjectAlarm(env.UPLOADS.get(id))) countObjectRequest()
    }
  }
  vi.spyOn(Date, 'now').mockReturnValue(now)
  for (const id of objects) expect(await runDurableObjectAlarm(env.UPLOADS.get(id))).toBe(false)
}
