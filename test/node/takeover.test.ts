/** A connection that died without a word keeps its upload from nobody: who names where it goes on takes over. */
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { type OpenRequest, openRequest } from './raw-request.ts'
import { type Bytes, beginUpload, newBytes, pulledDigest, stateFolder } from './support.ts'

const REPOSITORY = 'take/over'
const PART_BYTES = 5 * 1024 * 1024
/** From the death of a connection until another one may go on. */
const TAKEOVER_MS = 10_000

const folder = stateFolder()
let registry: LocalRegistry

beforeAll(async () => {
  registry = await startLocal({ state: folder.path, vars: { LOG_REQUESTS: 'false' } })
})
afterAll(async () => {
  await registry.stop()
  await folder.remove()
})

/** Sends half of a chunk, and then nothing; the connection stays open. */
async function goSilent(target: URL, bytes: Buffer, chunked: boolean): Promise<OpenRequest> {
  const headers: Record<string, string> = chunked
    ? { 'Transfer-Encoding': 'chunked' }
    : { 'Content-Length': String(bytes.length) }
  const request = await openRequest({ method: 'PATCH', target, headers })
  const half = bytes.subarray(0, bytes.length / 2)
  if (chunked) request.socket.write(`${half.length.toString(16)}\r\n`)
  await new Promise((resolve) => request.socket.write(half, resolve))
  if (chunked) request.socket.write('\r\n')
  return request
}

async function committed(target: URL): Promise<number> {
  const status = await fetch(target)
  expect(status.status).toBe(204)
  return offsetOf(status)
}

function offsetOf(response: Response): number {
  const last = Number(/^0-(\d+)$/.exec(response.headers.get('Range') ?? '')?.[1])
  return last === 0 ? 0 : last + 1
}

function sendFrom(target: URL, method: string, bytes: Buffer<ArrayBuffer>, offset: number) {
  const headers = { 'Content-Range': `${offset}-${bytes.length - 1}` }
  return fetch(target, { method, headers, body: bytes.subarray(offset) })
}

/**
 * Goes on as a client does that lost its connection: told to wait, it waits; told another offset, it goes on there. `sent` is how many
 * bytes of the blob the registry may have.
 */
async function goOn(target: URL, method: string, bytes: Bytes['bytes'], sent: number) {
  const deadline = Date.now() + TAKEOVER_MS
  let offset = await committed(target)
  for (;;) {
    expect(offset).toBeLessThanOrEqual(sent)
    const response = await sendFrom(target, method, bytes, offset)
    if (response.ok) return response
    expect([416, 503]).toContain(response.status)
    expect(Date.now()).toBeLessThan(deadline)
    if (response.status === 503) {
      const seconds = Number(response.headers.get('Retry-After'))
      expect(seconds).toBeGreaterThan(0)
      await wait(seconds * 1000)
    } else {
      // The same offset again would be refused for ever.
      expect(offsetOf(response)).not.toBe(offset)
      offset = offsetOf(response)
    }
  }
}

async function close(target: URL, { digest }: Bytes): Promise<void> {
  const closing = new URL(target)
  closing.searchParams.set('digest', digest)
  expect((await fetch(closing, { method: 'PUT' })).status).toBe(201)
  expect(await pulledDigest(registry.url, REPOSITORY, digest)).toBe(digest)
}

describe.concurrent.each([
  ['of a small chunk', 300_000],
  ['of a chunk of parts', 3 * PART_BYTES],
])('a connection that died in the middle %s', (_, size) => {
  it.each([
    ['with its length', false],
    ['in chunked encoding', true],
  ])('sent %s: another one goes on at the offset', async (_, chunked) => {
    const blob = newBytes(size)
    const target = await beginUpload(registry.url, REPOSITORY)
    const dead = await goSilent(target, blob.bytes, chunked)
    await wait(500)
    const response = await goOn(target, 'PATCH', blob.bytes, size / 2)
    expect([response.status, offsetOf(response)]).toEqual([202, size])
    await close(target, blob)
    dead.socket.destroy()
  })
})

it.concurrent('a closing PUT with an offset continues too', async () => {
  const { bytes, digest } = newBytes(300_000)
  const fresh = await beginUpload(registry.url, REPOSITORY)
  // Without any byte before it, the PUT would be a blob that comes whole.
  const first = await fetch(fresh, { method: 'PATCH', body: bytes.subarray(0, 1000) })
  const target = new URL(first.headers.get('Location') ?? '', registry.url)
  const dead = await goSilent(target, bytes.subarray(1000), false)
  await wait(500)
  target.searchParams.set('digest', digest)
  const response = await goOn(target, 'PUT', bytes, 1000 + 299_000 / 2)
  expect(response.status).toBe(201)
  expect(await pulledDigest(registry.url, REPOSITORY, digest)).toBe(digest)
  dead.socket.destroy()
})

it.concurrent('a chunk without an offset gets 503, however long the other connection is silent', async () => {
  const blob = newBytes(300_000)
  const target = await beginUpload(registry.url, REPOSITORY)
  const dead = await goSilent(target, blob.bytes, false)
  for (const pause of [100, 7000]) {
    await wait(pause)
    const response = await fetch(target, { method: 'PATCH', body: newBytes(1000).bytes })
    expect(response.status).toBe(503)
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect(await response.json()).toMatchObject({ errors: [{ code: 'UNAVAILABLE' }] })
    expect(await committed(target)).toBeLessThanOrEqual(blob.bytes.length / 2)
  }
  // The connection was not dead after all.
  const rest = blob.bytes.subarray(blob.bytes.length / 2)
  dead.socket.write(rest)
  expect((await dead.answer).status).toBe(202)
  expect(await committed(target)).toBe(blob.bytes.length)
  await close(target, blob)
  dead.socket.destroy()
})

it.concurrent('a connection that was taken over adds nothing when it sends again', async () => {
  const blob = newBytes(300_000)
  const target = await beginUpload(registry.url, REPOSITORY)
  const dead = await goSilent(target, blob.bytes, false)
  await wait(500)
  await goOn(target, 'PATCH', blob.bytes, blob.bytes.length / 2)
  dead.socket.write(newBytes(blob.bytes.length / 2).bytes)
  const late = await dead.answer.catch(() => null)
  expect([404, 416, 503, undefined]).toContain(late?.status)
  expect(await committed(target)).toBe(blob.bytes.length)
  await close(target, blob)
  dead.socket.destroy()
})
