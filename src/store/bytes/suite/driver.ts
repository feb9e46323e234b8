/** What the cases of the driver suite share: the driver under test, bodies, and checks that throw. */
import { type Digest, digestOf } from '../../../oci/digest.ts'
import type { BlobStore, ByteRange, Part } from '../blob-store.ts'
import { PART_BYTES } from '../buffer-pool.ts'

export interface DriverUnderTest {
  store: BlobStore
  /** A store of this driver that takes parts of one byte. A stand-in will do: 10,000 real parts are 50 GB. */
  smallParts: BlobStore
  /** A store of this driver that cannot be reached, such as one whose server is down. */
  unreachable: BlobStore
}

export interface DriverCase {
  /** A sentence. */
  title: string
  /** @throws {Error} if the driver does something else */
  run(driver: DriverUnderTest): Promise<void>
}

export type Bytes = Uint8Array<ArrayBuffer>

export const MIB = 1024 * 1024

/** A key that no other case uses, in a registry of its own. */
export function freshKey(): string {
  return `${freshPrefix()}${crypto.randomUUID()}`
}

/** A prefix that no other case uses. */
export function freshPrefix(): string {
  return `${crypto.randomUUID().replaceAll('-', '').slice(0, 16)}/blobs/2026-11-23/`
}

export function randomBytes(length: number): Bytes {
  const bytes = new Uint8Array(length)
  // getRandomValues fills 64 KiB at most.
  for (let at = 0; at < length; at += 65_536)
    crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

/** A stream of known length. */
export function streamOf(bytes: Bytes, pieces: { bytes?: number; pauseMs?: number } = {}) {
  const { readable, writable } = new FixedLengthStream(bytes.length)
  const feed = async () => {
    const writer = writable.getWriter()
    const step = pieces.bytes ?? 256 * 1024
    for (let at = 0; at < bytes.length; at += step) {
      if (pieces.pauseMs !== undefined) await scheduler.wait(pieces.pauseMs)
      await writer.write(bytes.subarray(at, at + step))
    }
    await writer.close()
  }
  // The reader of the stream reports the error.
  feed().catch(() => undefined)
  return readable
}

/** A stream that breaks off after `bytes`, although its length is `length`. */
export function cutStream(bytes: Bytes, length: number): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(length)
  const feed = async () => {
    const writer = writable.getWriter()
    for (let at = 0; at < bytes.length; at += 65_536) {
      await writer.write(bytes.subarray(at, at + 65_536))
    }
    await writer.abort(new Error('the client is gone'))
  }
  feed().catch(() => undefined)
  return readable
}

/** Writes an object of random bytes. */
export async function stored(store: BlobStore, length: number, key = freshKey()) {
  const bytes = randomBytes(length)
  const digest = await digestOf(bytes)
  equal(await store.write(key, bytes, digest), true, 'write')
  return { key, bytes, digest }
}

/** Writes an object in parts of PART_BYTES. */
export async function storedInParts(store: BlobStore, length: number) {
  const key = freshKey()
  const bytes = randomBytes(length)
  const id = await store.beginParts(key)
  const parts: Part[] = []
  for (let at = 0; at < length; at += PART_BYTES) {
    const number = parts.length + 1
    parts.push(await store.writePart(key, id, number, bytes.subarray(at, at + PART_BYTES)))
  }
  equal(await store.completeParts(key, id, parts), true, 'completeParts')
  return { key, bytes, id, parts }
}

export async function bytesAt(store: BlobStore, key: string, range?: ByteRange): Promise<Bytes> {
  const stream = await store.read(key, range)
  if (stream === null) throw new Error(`read gives null for ${key}`)
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** Asserts that the object has exactly these bytes. */
export async function holds(store: BlobStore, key: string, bytes: Bytes): Promise<void> {
  equal(await store.size(key), bytes.length, 'size')
  same(await bytesAt(store, key), bytes)
}

/** Asserts that there is no object. */
export async function holdsNothing(store: BlobStore, key: string): Promise<void> {
  equal(await store.size(key), null, 'size')
  equal(await store.read(key), null, 'read')
}

export function same(actual: Bytes, wanted: Bytes): void {
  equal(actual.length, wanted.length, 'the number of bytes')
  const at = actual.findIndex((byte, index) => byte !== wanted[index])
  equal(at, -1, 'the first wrong byte')
}

export function equal<T>(actual: T, wanted: T, what: string): void {
  const [a, w] = [JSON.stringify(actual), JSON.stringify(wanted)]
  if (a !== w) throw new Error(`${what}: ${a} instead of ${w}`)
}

/** Asserts that the work fails, and returns its error. */
export async function fails(work: () => Promise<unknown>, what: string): Promise<Error> {
  let result: unknown
  try {
    result = await work()
  } catch (error) {
    if (error instanceof Error) return error
    throw new Error(`${what} throws something that is no Error: ${String(error)}`)
  }
  throw new Error(`${what} succeeds with ${JSON.stringify(result)}`)
}

export async function wrongDigest(algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<Digest> {
  return digestOf(randomBytes(16), algorithm)
}
