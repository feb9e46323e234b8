/** What the tests of upload sessions share: objects to try things in, bodies, and a blob store in memory that misbehaves. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { BlobBody, BlobStore, ObjectPage, Part } from '../../src/store/bytes/blob-store.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { R2_LIMITS } from '../../src/store/bytes/r2-blob-store.ts'
import type { Chunk } from '../../src/uploads/chunk.ts'
import type { UploadSession } from '../../src/uploads/upload-session.ts'

export type SessionStub = DurableObjectStub<UploadSession>

export function newSession(): SessionStub {
  return env.UPLOADS.getByName(crypto.randomUUID())
}

/** Runs `work` with the storage of a fresh Durable Object. */
export function withStorage<T>(work: (storage: DurableObjectStorage) => Promise<T>): Promise<T> {
  return runInDurableObject(newSession(), (_, { storage }) => work(storage))
}

/** A body that brings `pieces`, each as one read where the reader has room for it, and ends with `failure` if there is one. */
export function bodyOf(pieces: readonly Uint8Array[], failure?: Error): ReadableStream<Uint8Array> {
  const rest = pieces.filter((piece) => piece.length > 0).map((piece) => piece.slice())
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const piece = rest.shift()
      if (piece !== undefined) controller.enqueue(piece)
      else if (failure !== undefined) controller.error(failure)
      else controller.close()
      // A read that was waiting wants to hear of the end, too.
      if (piece === undefined) controller.byobRequest?.respond(0)
    },
  })
}

export function chunkOf(bytes: Uint8Array, said: Partial<Chunk> = {}): Chunk {
  return { body: bodyOf([bytes]), start: null, length: bytes.length, ...said }
}

/** Cuts `bytes` into pieces of these sizes, again and again. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let start = 0
  for (let index = 0; start < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? bytes.length
    pieces.push(bytes.subarray(start, start + size))
    start += size
  }
  return pieces
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && crypto.subtle.timingSafeEqual(a, b)
}

/** The keys of everything in the bucket. */
export async function storedKeys(): Promise<string[]> {
  const { objects } = await env.BUCKET.list()
  return objects.map(({ key }) => key)
}

/** A blob store as strict as R2: equal parts, newest etags only, and it reads a body some time after it was given it. */
export class MemoryBlobStore implements BlobStore {
  readonly limits = R2_LIMITS
  readonly objects = new Map<string, Uint8Array<ArrayBuffer>>()
  /** The uploads in parts that were begun and neither completed nor given up. */
  readonly uploads = new Map<string, Map<number, { etag: string; bytes: Uint8Array }>>()
  readonly log: string[] = []
  /** How long each operation takes, in milliseconds. */
  latency = 1
  /** Called before each operation takes effect; what it throws is thrown. */
  before: (operation: string) => void = () => undefined
  /** Called when the effect is there. */
  after: (operation: string) => void = () => undefined

  read(key: string): Promise<ReadableStream<Uint8Array> | null> {
    return this.#operation('read', () => {
      const object = this.objects.get(key)
      return object === undefined ? null : bodyOf(cut(object, [1_000_000]))
    })
  }

  size(key: string): Promise<number | null> {
    return this.#operation('size', () => this.objects.get(key)?.length ?? null)
  }

  async write(key: string, body: BlobBody, digest: Digest): Promise<boolean> {
    return this.#operation('write', async () => {
      const bytes = await bytesIn(body)
      const valid =
        (await digestOf(bytes, digest.startsWith('sha512:') ? 'sha512' : 'sha256')) === digest
      if (valid) this.objects.set(key, bytes)
      return valid
    })
  }

  list(prefix: string, after: string): Promise<ObjectPage> {
    return this.#operation('list', () => {
      const keys = [...this.objects.keys()].sort()
      const listed = keys.filter((key) => key.startsWith(prefix) && key > after)
      return { objects: listed.map((key) => ({ key, uploaded: Date.now() })), more: false }
    })
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#operation('remove', () => {
      for (const key of keys) this.objects.delete(key)
    })
  }

  beginParts(key: string): Promise<string> {
    return this.#operation('beginParts', () => {
      const id = `${key}#${this.log.length}`
      this.uploads.set(id, new Map())
      return id
    })
  }

  writePart(_: string, id: string, number: number, body: BlobBody): Promise<Part> {
    return this.#operation('writePart', async () => {
      const etag = crypto.randomUUID()
      this.#upload(id).set(number, { etag, bytes: await bytesIn(body) })
      return { number, etag }
    })
  }

  completeParts(key: string, id: string, parts: readonly Part[]): Promise<boolean> {
    return this.#operation('completeParts', () => {
      if (!this.uploads.has(id)) return this.objects.has(key)
      const upload = this.#upload(id)
      if (parts.some(({ number, etag }) => upload.get(number)?.etag !== etag)) return false
      const chosen = parts.map(({ number, etag }, index) => {
        const part = upload.get(number)
        if (part?.etag !== etag || number !== index + 1) throw new Error('parts out of order')
        const last = index === parts.length - 1
        if (!last && part.bytes.length !== PART_BYTES) throw new Error('uneven parts (10048)')
        return part.bytes
      })
      this.objects.set(key, chosen.reduce(joined, new Uint8Array(0)).slice())
      this.uploads.delete(id)
      return true
    })
  }

  abortParts(_: string, id: string): Promise<void> {
    return this.#operation('abortParts', () => {
      this.uploads.delete(id)
    })
  }

  #upload(id: string) {
    const upload = this.uploads.get(id)
    if (upload === undefined) throw new Error('no such upload (10024)')
    return upload
  }

  async #operation<T>(name: string, effect: () => T | Promise<T>): Promise<T> {
    this.log.push(name)
    // A real store takes its time: who re-uses a buffer meanwhile spoils what is stored.
    await scheduler.wait(this.latency)
    this.before(name)
    const result = await effect()
    this.after(name)
    return result
  }
}

/** A store whose parts are written when the test says so. */
export class HeldStore extends MemoryBlobStore {
  readonly held = new Map<number, PromiseWithResolvers<void>>()
  holds = true

  override async writePart(...args: Parameters<MemoryBlobStore['writePart']>) {
    if (!this.holds) return super.writePart(...args)
    const gate = Promise.withResolvers<void>()
    this.held.set(args[2], gate)
    await gate.promise
    return super.writePart(...args)
  }
}

async function bytesIn(body: BlobBody): Promise<Uint8Array<ArrayBuffer>> {
  return body instanceof Uint8Array
    ? Uint8Array.from(body)
    : new Uint8Array(await new Response(body).arrayBuffer())
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** A body whose sender can be made to wait or to leave. */
export function heldBody() {
  const { readable, writable } = new IdentityTransformStream()
  return { body: readable, client: writable.getWriter() }
}
