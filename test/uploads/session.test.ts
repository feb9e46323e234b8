import {
  evictDurableObject,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { R2_LIMITS } from '../../src/store/bytes/r2-blob-store.ts'
import { commitBlob, findBlob, unlinkBlob } from '../../src/store/registry/blobs.ts'
import type { Chunk, SessionRequest } from '../../src/uploads/chunk.ts'
import { SessionState } from '../../src/uploads/session-state.ts'
import type { UploadSession } from '../../src/uploads/upload-session.ts'
import { type Fault, withFault, withInterruption } from '../invariants/faults.ts'
import { anyBy, anyEvent } from '../support/any-event.ts'
import { randomBytes } from '../support/registry.ts'
import { chunkOf, heldBody, newSession, type SessionStub, storedKeys } from './support.ts'

const REPOSITORY = 'sessions/app'
const BLOB_BYTES_AT_MOST = R2_LIMITS.parts * PART_BYTES
const SOURCE = randomBytes(2 * PART_BYTES + 1000)
const NOTHING = { body: null, start: null, length: 0 }
const WRONG = await digestOf(new Uint8Array(3))
const HOUR_MS = 60 * 60 * 1000
const DAY_MS = 24 * HOUR_MS

const SILENT_MS = 5500

let session: SessionStub
let request: SessionRequest
/** The operation of a closing PUT: the same however often it is sent. */
let operation: string

beforeEach(() => {
  session = newSession()
  const storageKey = `test/blobs/2026-01-01/${crypto.randomUUID()}`
  request = { kind: 'fresh', algorithm: 'sha256', storageKey }
  operation = crypto.randomUUID()
})

/** A digest of bytes that no other test pushed. */
async function fresh(length: number): Promise<{ bytes: Uint8Array<ArrayBuffer>; digest: Digest }> {
  const bytes = SOURCE.slice(0, length)
  crypto.getRandomValues(bytes.subarray(0, Math.min(length, 32)))
  return { bytes, digest: await digestOf(bytes) }
}

async function append(bytes: Uint8Array, start: number | null = null) {
  return session.append(request, chunkOf(bytes, { start }))
}

async function finish(digest: Digest, chunk: Chunk = NOTHING) {
  return session.finish(request, chunk, { repository: REPOSITORY, digest, operation, by: anyBy() })
}

/** What GET would send. */
async function pulled(digest: Digest): Promise<Digest | null> {
  const blob = await findBlob(env.DB, REPOSITORY, digest)
  const object = blob && (await env.BUCKET.get(blob.storageKey))
  return object && digestOf(new Uint8Array(await object.arrayBuffer()))
}

function readState<T>(read: (state: SessionState, storage: DurableObjectStorage) => T): Promise<T> {
  return runInDurableObject(session, (_, { storage }) => read(new SessionState(storage), storage))
}

/** As if nobody had come for so long. */
async function letPass(milliseconds: number): Promise<void> {
  await evictDurableObject(session)
  await runInDurableObject(session, (_, { storage }) => {
    storage.sql.exec(
      'UPDATE upload SET touched_at = touched_at - ?1, begun_at = begun_at - ?1',
      milliseconds,
    )
  })
  await evictDurableObject(session)
}

async function tombstones(): Promise<string[]> {
  const { results } = await env.DB.prepare('SELECT storage_key FROM tombstones').all<{
    storage_key: string
  }>()
  return results.map((row) => row.storage_key)
}

describe('status', () => {
  it('shows the committed bytes from the first to the last', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    expect(await session.status(request)).toEqual({ kind: 'open', offset: 0 })
    await append(bytes.subarray(0, 10))
    expect(await session.status(request)).toEqual({ kind: 'open', offset: 10 })
    await append(bytes.subarray(10))
    expect(await session.status(request)).toEqual({ kind: 'open', offset: bytes.length })
    expect(await finish(digest)).toEqual({ kind: 'created', size: bytes.length })
    expect(await session.status(request)).toEqual({ kind: 'unknown' })
  })

  it('of an object without an upload stores nothing', async () => {
    await session.status(request)
    expect(await runDurableObjectAlarm(session)).toBe(false)
    const tables = await runInDurableObject(session, (_, { storage }) =>
      storage.sql.exec(`SELECT name FROM sqlite_schema WHERE name = 'upload'`).toArray(),
    )
    expect(tables).toEqual([])
  })
})

describe('order', () => {
  it.each([
    ['past the end', 11],
    ['before the end', 9],
    ['at the beginning', 0],
  ])('a chunk that starts %s is refused with the exact offset', async (_, start) => {
    const { bytes, digest } = await fresh(20)
    await append(bytes.subarray(0, 10), 0)
    const refused = { kind: 'range invalid', offset: 10 }
    expect(await append(bytes.subarray(start, 20), start)).toEqual(refused)
    expect(await append(bytes.subarray(10), 10)).toEqual({ kind: 'open', offset: 20 })
    expect((await finish(digest)).kind).toBe('created')
  })

  it('of two chunks at once, one is stored whole, and nothing of the other', async () => {
    const { bytes, digest } = await fresh(2 * PART_BYTES + 1000)
    const answers = await Promise.all(Array.from({ length: 5 }, () => append(bytes, 0)))
    expect(answers.filter(({ kind }) => kind === 'open')).toHaveLength(1)
    // The first one has taken the turn for less than a second, or for more.
    const others = answers.filter(({ kind }) => kind === 'range invalid' || kind === 'busy')
    expect(others).toHaveLength(4)
    expect(await finish(digest)).toEqual({ kind: 'created', size: bytes.length })
    expect(await pulled(digest)).toBe(digest)
  })

  it('of several chunks that wait for one, no two run at the same time', async () => {
    const { bytes, digest } = await fresh(300_000)
    const { body, client } = heldBody()
    const first = session.append(request, { body, start: null, length: null })
    await client.write(bytes.subarray(0, 100_000))
    // Without an offset each is taken as the next one, so only the lock keeps them apart.
    const others = Array.from({ length: 4 }, () => append(bytes.subarray(100_000, 150_000)))
    await scheduler.wait(50)
    await client.close()
    expect(await first).toEqual({ kind: 'open', offset: 100_000 })
    const offsets = (await Promise.all(others)).map(
      (answer) => answer.kind === 'open' && answer.offset,
    )
    expect(offsets.toSorted()).toEqual([150_000, 200_000, 250_000, 300_000])
    expect(digest).not.toBe(WRONG)
  })

  it('a chunk that comes while another one does not end is refused as busy, and costs nothing', async () => {
    const { bytes, digest } = await fresh(200_000)
    const { body, client } = heldBody()
    const first = session.append(request, { body, start: null, length: null })
    await client.write(bytes.subarray(0, 100_000))
    expect(await append(bytes.subarray(0, 1000), 0)).toEqual({ kind: 'busy' })
    await client.write(bytes.subarray(100_000))
    await client.close()
    expect(await first).toEqual({ kind: 'open', offset: 200_000 })
    expect((await finish(digest)).kind).toBe('created')
  })

  it('a request that comes while the finished object is read back is refused as busy', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    await evictDurableObject(session)
    const readBack: Fault = { operation: 'r2.get', call: 1, when: 'before' }
    const finished = withInterruption(
      readBack,
      async () => finish(digest),
      () => scheduler.wait(2000),
    )
    await scheduler.wait(100)
    const busy = { kind: 'busy' }
    expect(
      await Promise.all([
        append(bytes.subarray(0, 10), 0),
        finish(digest),
        session.cancel(request),
      ]),
    ).toEqual([busy, busy, busy])
    expect(await finished).toEqual({ kind: 'created', size: bytes.length })
    expect(await finish(digest)).toEqual({ kind: 'created', size: null })
  })
})

describe('a connection that has gone silent', () => {
  /** Begins a chunk whose client sends `bytes` and then nothing. */
  async function silent(bytes: Uint8Array) {
    const { body, client } = heldBody()
    const appended = session.append(request, { body, start: null, length: null })
    await client.write(bytes)
    return { appended, client }
  }

  it.each([
    ['a piece', 1000],
    ['a part buffer', 1_000_000],
    ['parts', PART_BYTES + 500_000],
  ])('loses its turn to a chunk with an offset, but no bytes: %s', async (_, length) => {
    const { bytes, digest } = await fresh(2 * PART_BYTES)
    const { appended, client } = await silent(bytes.subarray(0, length))
    await scheduler.wait(SILENT_MS)
    const told = await session.status(request)
    const start = told.kind === 'open' ? told.offset : Number.NaN
    const answer = await append(bytes.subarray(start), start)
    // What was not durable when the status was asked is now, so the offset may have moved.
    const offset = answer.kind === 'range invalid' ? answer.offset : bytes.length
    expect(offset).toBeGreaterThanOrEqual(start)
    if (offset < bytes.length) {
      expect((await append(bytes.subarray(offset), offset)).kind).toBe('open')
    }
    expect(await appended).toMatchObject({ kind: 'range invalid' })
    await client.abort().catch(() => undefined)
    expect(await finish(digest)).toEqual({ kind: 'created', size: bytes.length })
    expect(await pulled(digest)).toBe(digest)
  })

  it('does not lose its turn to a chunk without an offset', async () => {
    const { bytes, digest } = await fresh(2000)
    const { appended, client } = await silent(bytes.subarray(0, 1000))
    await scheduler.wait(SILENT_MS)
    expect(await append(bytes.subarray(1000))).toEqual({ kind: 'busy' })
    expect(await finish(digest)).toEqual({ kind: 'busy' })
    await client.write(bytes.subarray(1000))
    await client.close()
    expect(await appended).toEqual({ kind: 'open', offset: 2000 })
    expect((await finish(digest)).kind).toBe('created')
  })

  it('keeps its turn while it is silent for less than five seconds', async () => {
    const { bytes } = await fresh(2000)
    const { appended, client } = await silent(bytes.subarray(0, 1000))
    await scheduler.wait(1000)
    expect(await append(bytes.subarray(1000), 1000)).toEqual({ kind: 'busy' })
    await client.close()
    expect(await appended).toEqual({ kind: 'open', offset: 1000 })
  })
})

describe('the kind of an id', () => {
  it('`fresh` begins an upload, `begun` does not', async () => {
    const { bytes } = await fresh(10)
    const begun = { ...request, kind: 'begun' } as const
    expect(await session.status(begun)).toEqual({ kind: 'unknown' })
    expect(await session.append(begun, chunkOf(bytes))).toEqual({ kind: 'unknown' })
    expect(await session.cancel(begun)).toEqual({ kind: 'unknown' })
    expect(await append(bytes)).toEqual({ kind: 'open', offset: 10 })
    expect(await session.status(begun)).toEqual({ kind: 'open', offset: 10 })
  })

  it('`begun` is valid after a chunk without a byte', async () => {
    expect((await append(new Uint8Array(0), 0)).kind).toBe('open')
    const begun = { ...request, kind: 'begun' } as const
    expect(await session.status(begun)).toEqual({ kind: 'open', offset: 0 })
  })
})

describe('a refused chunk', () => {
  const refusals = [
    ['out of order', 9, 'range invalid'],
    ['after the end', null, 'unknown'],
  ] as const

  it.each(refusals)('%s is read to its end before it is answered', async (_, start, kind) => {
    await append(SOURCE.subarray(0, 10))
    if (kind === 'unknown') await session.cancel(request)
    const { body, client } = heldBody()
    const answer = session.append(request, { body, start, length: null })
    await client.write(SOURCE.subarray(0, PART_BYTES))
    expect(await Promise.race([answer, scheduler.wait(50)])).toBeUndefined()
    await client.close()
    expect((await answer).kind).toBe(kind)
  })
})

describe('length', () => {
  it.each([
    ['shorter than declared: what came counts', 100, 60, 60],
    ['longer than declared: what was declared counts', 100, 150, 100],
  ])('a body %s', async (_, length, actual, offset) => {
    const { bytes, digest } = await fresh(200)
    const answer = await session.append(request, chunkOf(bytes.subarray(0, actual), { length }))
    expect(answer).toEqual({ kind: 'size invalid', offset })
    await append(bytes.subarray(offset), offset)
    expect((await finish(digest)).kind).toBe('created')
  })

  it('is limited to what R2 accepts in 10,000 parts', async () => {
    await append(new Uint8Array(1))
    await readState((_, { sql }) => {
      sql.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
        INSERT INTO parts SELECT i, 'etag' FROM n`)
    })
    await evictDurableObject(session)
    const offset = 9999 * PART_BYTES + 1
    const chunk = chunkOf(new Uint8Array(10), { start: offset })
    expect(await session.append(request, chunk)).toEqual({
      kind: 'open',
      offset: offset + 10,
    })
    const rest = chunkOf(SOURCE.subarray(0, PART_BYTES))
    expect(await session.append(request, rest)).toMatchObject({ kind: 'size invalid' })
    expect(await session.status(request)).toEqual({ kind: 'open', offset: BLOB_BYTES_AT_MOST })
  })
})

describe('a client that disconnects', () => {
  it.each([0, 1, 70_000, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1])(
    'after %i bytes resumes at the offset that is told',
    async (cut) => {
      const { bytes, digest } = await fresh(PART_BYTES + 1000)
      const { body, client } = heldBody()
      const appended = session.append(request, { body, start: null, length: bytes.length })
      if (cut > 0) await client.write(bytes.subarray(0, cut))
      await client.abort(new Error('gone'))
      await appended
      const status = await session.status(request)
      const offset = status.kind === 'open' ? status.offset : Number.NaN
      // The read that broke off waited for a quarter of what came before it, at most.
      expect(cut - offset).toBeGreaterThanOrEqual(0)
      expect(cut - offset).toBeLessThanOrEqual(Math.min(cut / 5, 512 * 1024))
      expect((await append(bytes.subarray(offset), offset)).kind).toBe('open')
      expect((await finish(digest)).kind).toBe('created')
      expect(await pulled(digest)).toBe(digest)
    },
  )
})

describe('the closing request', () => {
  it('may carry the last chunk, and be repeated', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes.subarray(0, 500))
    const last = () => finish(digest, chunkOf(bytes.subarray(500)))
    expect(await last()).toEqual({ kind: 'created', size: bytes.length })
    expect(await last()).toEqual({ kind: 'created', size: null })
    expect(await finish(WRONG)).toEqual({ kind: 'unknown' })
    expect(await pulled(digest)).toBe(digest)
  })

  it('repeated after the blob was deleted is not answered with success', async () => {
    const { bytes, digest } = await fresh(1000)
    await append(bytes)
    await finish(digest)
    expect(await unlinkBlob(env.DB, REPOSITORY, digest, anyEvent())).toBe('deleted')
    expect(await finish(digest)).toEqual({ kind: 'unknown' })
  })

  it('ends the upload after success: nothing more is taken', async () => {
    const { bytes, digest } = await fresh(1000)
    await append(bytes)
    await finish(digest)
    expect(await append(bytes)).toEqual({ kind: 'unknown' })
    expect(await session.cancel(request)).toEqual({ kind: 'unknown' })
    expect(await pulled(digest)).toBe(digest)
  })

  it('checks a sha512 that was not announced', async () => {
    const { bytes } = await fresh(PART_BYTES + 1000)
    const digest = await digestOf(bytes, 'sha512')
    await append(bytes)
    expect((await finish(digest)).kind).toBe('created')
    const blob = await findBlob(env.DB, REPOSITORY, digest)
    const object = await env.BUCKET.get(blob?.storageKey ?? '')
    expect(await digestOf(new Uint8Array((await object?.arrayBuffer()) ?? []), 'sha512')).toBe(
      digest,
    )
  })

  it.each([
    ['less than a part', 1000, 'sha256', false],
    ['parts', PART_BYTES + 1000, 'sha256', false],
    ['parts, read back', PART_BYTES + 1000, 'sha256', true],
    ['parts, sha512', PART_BYTES + 1000, 'sha512', false],
  ] as const)('with a wrong digest leaves nothing: %s', async (_, length, algorithm, evict) => {
    const before = await storedKeys()
    const { bytes } = await fresh(length)
    await append(bytes)
    if (evict) await evictDurableObject(session)
    const wrong = await digestOf(new Uint8Array(3), algorithm)
    expect(await finish(wrong)).toEqual({ kind: 'digest invalid' })
    expect(await finish(wrong)).toEqual({ kind: 'unknown' })
    const graves = await tombstones()
    expect((await storedKeys()).filter((key) => !graves.includes(key))).toEqual(
      before.filter((key) => !graves.includes(key)),
    )
    expect(await readState((state) => state.phase)).toBe('ended')
  })
})

describe('eviction', () => {
  it('between all chunks and before the end loses nothing', async () => {
    const { bytes, digest } = await fresh(2 * PART_BYTES + 1000)
    let offset = 0
    for (const size of [10, 200_000, PART_BYTES, PART_BYTES - 10, bytes.length]) {
      const next = Math.min(offset + size, bytes.length)
      expect(await append(bytes.subarray(offset, next), offset)).toEqual({
        kind: 'open',
        offset: next,
      })
      await evictDurableObject(session)
      expect(await session.status(request)).toEqual({ kind: 'open', offset: next })
      await evictDurableObject(session)
      offset = next
    }
    expect(await finish(digest)).toEqual({ kind: 'created', size: bytes.length })
    await evictDurableObject(session)
    expect(await finish(digest)).toEqual({ kind: 'created', size: null })
    expect(await pulled(digest)).toBe(digest)
  })
})

describe('cancelling', () => {
  it.each([
    ['before anything came', 0],
    ['with a tail', 1000],
    ['with parts', PART_BYTES + 1000],
  ])('%s ends the upload and removes its parts', async (_, length) => {
    const { bytes, digest } = await fresh(length)
    if (length > 0) await append(bytes)
    const parts = await readState(({ storageKey, partsId }) => ({ storageKey, partsId }))
    expect(await session.cancel(request)).toEqual({ kind: 'open', offset: length })
    expect(await session.cancel(request)).toEqual({ kind: 'unknown' })
    expect(await session.status(request)).toEqual({ kind: 'unknown' })
    expect(await append(bytes)).toEqual({ kind: 'unknown' })
    expect(await finish(digest)).toEqual({ kind: 'unknown' })
    await expectAborted(parts)
  })

  it('stops a chunk that is being received, and removes its parts', async () => {
    const before = await storedKeys()
    const { body, client } = heldBody()
    const appended = session.append(request, { body, start: null, length: null })
    await client.write(SOURCE.subarray(0, PART_BYTES + 1000))
    expect((await session.cancel(request)).kind).toBe('open')
    expect(await appended).toEqual({ kind: 'unknown' })
    expect(await session.status(request)).toEqual({ kind: 'unknown' })
    expect(await readState((state) => [state.phase, state.storageKey, state.offset])).toEqual([
      'ended',
      '',
      0,
    ])
    expect(await storedKeys()).toEqual(before)
  })

  it('waits for a closing request that has all the bytes, and does not undo it', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    const [finished, cancelled] = await Promise.all([finish(digest), session.cancel(request)])
    expect([finished.kind, cancelled.kind]).toEqual(['created', 'unknown'])
    expect(await pulled(digest)).toBe(digest)
  })

  it('succeeds even if R2 fails; the alarm tries again', async () => {
    const { bytes } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    const parts = await readState(({ storageKey, partsId }) => ({ storageKey, partsId }))
    const fault: Fault = { operation: 'r2.abort', call: 1, when: 'before' }
    expect((await withFault(fault, async () => session.cancel(request))).kind).toBe('open')
    expect(await session.status(request)).toEqual({ kind: 'unknown' })
    expect(await runDurableObjectAlarm(session)).toBe(true)
    await expectAborted(parts)
  })

  /** An aborted upload takes no more parts. */
  async function expectAborted(parts: { storageKey: string; partsId: string | null }) {
    if (parts.partsId === null) return
    const multipart = env.BUCKET.resumeMultipartUpload(parts.storageKey, parts.partsId)
    await expect(multipart.uploadPart(9, new Uint8Array(1))).rejects.toThrow('10024')
  }
})

describe('the alarm', () => {
  it('ends an abandoned upload with its parts, and remembers that', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    const parts = await readState(({ storageKey, partsId }) => ({ storageKey, partsId }))
    await letPass(DAY_MS)
    expect(await runDurableObjectAlarm(session)).toBe(true)
    await evictDurableObject(session)
    expect(await session.status(request)).toEqual({ kind: 'unknown' })
    expect(await append(bytes)).toEqual({ kind: 'unknown' })
    expect(await finish(digest)).toEqual({ kind: 'unknown' })
    const multipart = env.BUCKET.resumeMultipartUpload(parts.storageKey, parts.partsId ?? '')
    await expect(multipart.uploadPart(9, new Uint8Array(1))).rejects.toThrow('10024')
  })

  it('keeps the blob of a finished upload, and finally removes the session', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    await finish(digest)
    await letPass(DAY_MS)
    expect(await runDurableObjectAlarm(session)).toBe(true)
    expect(await pulled(digest)).toBe(digest)
    expect(await tombstones()).not.toContain(
      (await findBlob(env.DB, REPOSITORY, digest))?.storageKey,
    )
    expect((await finish(digest)).kind).toBe('created')
    await letPass(7 * DAY_MS + HOUR_MS)
    expect(await runDurableObjectAlarm(session)).toBe(true)
    expect(await runDurableObjectAlarm(session)).toBe(false)
    const tables = await runInDurableObject(session, (_, { storage }) =>
      storage.sql
        .exec(`SELECT name FROM sqlite_schema WHERE name IN ('upload', 'parts', 'tail')`)
        .toArray(),
    )
    expect(tables).toEqual([])
  })

  it('lets an object that is still in memory begin a new upload', async () => {
    const { bytes, digest } = await fresh(1000)
    await append(bytes)
    await runInDurableObject(session, async (instance: UploadSession, { storage }) => {
      vi.useFakeTimers({ now: Date.now() + 8 * DAY_MS, toFake: ['Date'] })
      await instance.alarm()
      await instance.alarm()
      vi.useRealTimers()
      expect(await storage.getAlarm()).toBeNull()
    })
    expect(await session.status(request)).toEqual({ kind: 'open', offset: 0 })
    expect(await append(bytes)).toEqual({ kind: 'open', offset: 1000 })
    expect((await finish(digest)).kind).toBe('created')
  })

  it('does not end an upload that is receiving', async () => {
    const { bytes, digest } = await fresh(1000)
    const { body, client } = heldBody()
    const appended = session.append(request, { body, start: null, length: null })
    await client.write(bytes.subarray(0, 500))
    await runInDurableObject(session, async (instance: UploadSession) => {
      vi.useFakeTimers({ now: Date.now() + 2 * DAY_MS, toFake: ['Date'] })
      await instance.alarm()
      vi.useRealTimers()
    })
    await client.write(bytes.subarray(500))
    await client.close()
    expect(await appended).toEqual({ kind: 'open', offset: 1000 })
    expect((await finish(digest)).kind).toBe('created')
  })

  it('does not end an upload with a request within a day, and checks again', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes.subarray(0, 100))
    await letPass(DAY_MS)
    await append(bytes.subarray(100, 200))
    const due = (minutes: number) => expect.closeTo(Date.now() + DAY_MS - minutes * 60_000, -4)
    await letPass(HOUR_MS)
    expect(await runDurableObjectAlarm(session)).toBe(true)
    expect(await readState((_, storage) => storage.getAlarm())).toEqual(due(60))
    expect((await append(bytes.subarray(200))).kind).toBe('open')
    expect((await finish(digest)).kind).toBe('created')
  })

  it('is not moved by each request', async () => {
    const { bytes, digest } = await fresh(1000)
    await append(bytes.subarray(0, 100))
    const at = await readState((_, storage) => storage.getAlarm())
    await scheduler.wait(5)
    await append(bytes.subarray(100))
    await evictDurableObject(session)
    await finish(digest)
    expect(await readState((_, storage) => storage.getAlarm())).toBe(at)
  })

  it('forgets nothing of an upload whose bytes could not be removed', async () => {
    const { bytes } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    const fault: Fault = { operation: 'r2.abort', call: 1, when: 'before' }
    await withFault(fault, async () => session.cancel(request))
    await letPass(8 * DAY_MS)
    expect(await runDurableObjectAlarm(session)).toBe(true)
    expect(await readState((state) => [state.phase, state.storageKey])).toEqual(['ended', ''])
  })

  it('buries the object of a closing request that broke off before the commit', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    const { storageKey } = await readState((state) => ({ storageKey: state.storageKey }))
    const fault: Fault = { operation: 'd1.batch', call: 1, when: 'before' }
    await expect(withFault(fault, () => finish(digest))).rejects.toThrow()
    await letPass(DAY_MS)
    await runDurableObjectAlarm(session)
    expect(await tombstones()).toContain(storageKey)
  })

  it('does not bury an object that was committed although the answer was lost', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    const fault: Fault = { operation: 'd1.batch', call: 1, when: 'after' }
    await expect(withFault(fault, () => finish(digest))).rejects.toThrow()
    await letPass(DAY_MS)
    await runDurableObjectAlarm(session)
    const blob = await findBlob(env.DB, REPOSITORY, digest)
    expect(await tombstones()).not.toContain(blob?.storageKey)
    expect(await pulled(digest)).toBe(digest)
  })
})

describe('failures', () => {
  const faults: [string, Fault][] = (['before', 'after'] as const).flatMap((when) =>
    [
      ['r2.uploadPart', 1],
      ['r2.uploadPart', 2],
      ['r2.uploadPart', 3],
      ['r2.complete', 1],
      ['d1.batch', 1],
    ].map(([operation, call]): [string, Fault] => [
      `${when} ${operation} ${call}`,
      { operation: `${operation}`, call: Number(call), when },
    ]),
  )
  it.each(faults)('%s: going on at the offset succeeds', async (_, fault) => {
    const { bytes, digest } = await fresh(2 * PART_BYTES + 1000)
    await withFault(fault, async () => {
      const failed = async () => {
        await append(bytes, 0)
        await finish(digest)
      }
      await expect(failed()).rejects.toThrow()
    })
    const status = await session.status(request)
    const offset = 'offset' in status ? status.offset : 0
    expect(offset % PART_BYTES === 0 || offset === bytes.length).toBe(true)
    if (offset < bytes.length) {
      expect((await append(bytes.subarray(offset), offset)).kind).toBe('open')
    }
    expect(await finish(digest)).toMatchObject({ kind: 'created' })
    expect(await pulled(digest)).toBe(digest)
  })

  it.each(['before', 'after'] as const)(
    '%s the beginning of the parts: it is begun again when a part is full',
    async (when) => {
      const { bytes, digest } = await fresh(PART_BYTES + 1000)
      const fault: Fault = { operation: 'r2.createMultipartUpload', call: 1, when }
      expect(await withFault(fault, async () => append(bytes, 0))).toMatchObject({ kind: 'open' })
      expect((await finish(digest)).kind).toBe('created')
    },
  )

  it('in the middle of a chunk end its connection', async () => {
    const { body, client } = heldBody()
    const fault: Fault = { operation: 'r2.uploadPart', call: 1, when: 'before' }
    await withFault(fault, async () => {
      const append = async () => session.append(request, { body, start: null, length: null })
      const outcome = append().then(
        () => 'done',
        () => 'failed',
      )
      await client.write(SOURCE).catch(() => undefined)
      expect(await outcome).toBe('failed')
    })
    await expect(client.write(SOURCE)).rejects.toThrow()
    await evictDurableObject(session)
  })

  it('another digest does not touch bytes that may be committed already', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    const fault: Fault = { operation: 'd1.batch', call: 1, when: 'after' }
    await expect(withFault(fault, () => finish(digest))).rejects.toThrow()
    expect(await finish(WRONG)).toEqual({ kind: 'unknown' })
    expect(await pulled(digest)).toBe(digest)
    expect((await finish(digest)).kind).toBe('created')
    expect(await pulled(digest)).toBe(digest)
  })

  describe('a repeated closing request whose first answer was lost', () => {
    const lost: Fault = { operation: 'd1.batch', call: 1, when: 'after' }

    it.each([
      ['less than a part', 1000],
      ['more than a part', PART_BYTES + 1000],
    ])('does not bring back bytes that were deleted since: %s', async (_, length) => {
      const { bytes, digest } = await fresh(length)
      await append(bytes)
      await expect(withFault(lost, () => finish(digest))).rejects.toThrow()
      const blob = await findBlob(env.DB, REPOSITORY, digest)
      expect(await unlinkBlob(env.DB, REPOSITORY, digest, anyEvent())).toBe('deleted')
      expect(await tombstones()).toContain(blob?.storageKey)
      expect(await finish(digest)).toEqual({ kind: 'unknown' })
      expect(await findBlob(env.DB, REPOSITORY, digest)).toBeNull()
      expect(await tombstones()).toContain(blob?.storageKey)
    })

    it('does not bring back bytes that were buried because another repository had the content, which is now gone', async () => {
      const { bytes, digest } = await fresh(1000)
      const key = `blobs/other-${crypto.randomUUID()}`
      await commitBlob(
        env.DB,
        'sessions/other',
        { digest, size: 1000, storageKey: key },
        anyEvent(),
      )
      await append(bytes)
      await expect(withFault(lost, () => finish(digest))).rejects.toThrow()
      await unlinkBlob(env.DB, 'sessions/other', digest, anyEvent())
      await unlinkBlob(env.DB, REPOSITORY, digest, anyEvent())
      expect(await finish(digest)).toEqual({ kind: 'unknown' })
      expect(await findBlob(env.DB, REPOSITORY, digest)).toBeNull()
    })
  })

  it('bytes that were buried meanwhile are not committed', async () => {
    const { bytes, digest } = await fresh(1000)
    await append(bytes)
    await env.DB.prepare('INSERT INTO tombstones (storage_key, delete_after) VALUES (?, 0)')
      .bind(request.storageKey)
      .run()
    expect(await finish(digest)).toEqual({ kind: 'unknown' })
    expect(await findBlob(env.DB, REPOSITORY, digest)).toBeNull()
    expect(await readState((state) => state.phase)).toBe('ended')
  })

  it('a crash after R2 completed and before anything else was written', async () => {
    const { bytes, digest } = await fresh(PART_BYTES + 1000)
    await append(bytes)
    const fault: Fault = { operation: 'r2.complete', call: 1, when: 'after' }
    await expect(withFault(fault, () => finish(digest))).rejects.toThrow()
    await evictDurableObject(session)
    expect((await finish(digest)).kind).toBe('created')
    expect(await pulled(digest)).toBe(digest)
  })
})

it('a session is created by its first bytes, not before', async () => {
  const before = await listDurableObjectIds(env.UPLOADS)
  newSession()
  expect(await listDurableObjectIds(env.UPLOADS)).toHaveLength(before.length)
})
