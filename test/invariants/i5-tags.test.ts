/** I5: a tag is a linearizable register, and its history is complete. */
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { imageManifest, pushBlob, putManifest, randomBytes, send } from '../support/registry.ts'

interface Operation {
  kind: 'write' | 'read' | 'delete'
  /** What was written or read; null for nothing. */
  value: string | null
  began: number
  ended: number
}

/** Counts events, because time does not pass in a Worker that only computes. */
let clock = 0

async function timed(kind: Operation['kind'], work: () => Promise<string | null>) {
  const began = ++clock
  const value = await work()
  return { kind, value, began, ended: ++clock }
}

async function manifests(repository: string, count: number) {
  const config = await pushBlob(repository, randomBytes(20))
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const bytes = imageManifest(config, [], { annotations: { index: `${index}` } })
      return { bytes, digest: await digestOf(bytes) }
    }),
  )
}

async function readTag(repository: string, tag: string): Promise<string | null> {
  const response = await send('HEAD', `/v2/${repository}/manifests/${tag}`)
  return response.status === 200 ? response.headers.get('Docker-Content-Digest') : null
}

async function history(repository: string, tag: string): Promise<(string | null)[]> {
  const { results } = await env.DB.prepare(`
    SELECT tag_history.digest FROM tag_history
    JOIN repositories ON repositories.id = tag_history.repository_id
    WHERE repositories.name = ?1 AND tag_history.name = ?2 ORDER BY tag_history.id`)
    .bind(repository, tag)
    .all<{ digest: string | null }>()
  return results.map((row) => row.digest)
}

/**
 * Whether the values of a register, in the order `changes`, explain all operations: each can be given a place in that order
 * that agrees with real time. Every value is written once, so a write has one place only, and a read the places where its
 * value stood.
 */
function explains(changes: readonly (string | null)[], operations: readonly Operation[]): boolean {
  const states = [null, ...changes]
  let earliest = 0
  // By their end: whatever ended before another one began must not come after it.
  const byBeginning = operations.toSorted((a, b) => a.began - b.began)
  const placed: { operation: Operation; place: number }[] = []
  for (const operation of byBeginning) {
    earliest = Math.max(
      0,
      ...placed
        .filter((other) => other.operation.ended < operation.began)
        .map(({ place }) => place),
    )
    const place = states.findIndex((state, index) => index >= earliest && state === operation.value)
    if (place < 0) return false
    placed.push({ operation, place })
  }
  return true
}

it('the checker itself detects a history that is not linearizable', () => {
  const write = (value: string, began: number, ended: number): Operation => ({
    kind: 'write',
    value,
    began,
    ended,
  })
  const read = (value: string | null, began: number, ended: number): Operation => ({
    kind: 'read',
    value,
    began,
    ended,
  })
  expect(explains(['a', 'b'], [write('a', 1, 2), write('b', 3, 4), read('b', 5, 6)])).toBe(true)
  expect(explains(['a', 'b'], [write('a', 1, 2), write('b', 3, 6), read('a', 4, 5)])).toBe(true)
  // A stale read, a value that came back, a write that history does not know, a write before one that had ended.
  expect(explains(['a', 'b'], [write('a', 1, 2), write('b', 3, 4), read('a', 5, 6)])).toBe(false)
  expect(explains(['a', 'b'], [read('b', 1, 2), read('a', 3, 4)])).toBe(false)
  expect(explains(['b'], [write('a', 1, 2), write('b', 3, 4)])).toBe(false)
  expect(explains(['b', 'a'], [write('a', 1, 2), write('b', 3, 4)])).toBe(false)
})

it('concurrent pushes and reads of one tag are linearizable, and the history has every change', async () => {
  for (let round = 0; round < 4; round++) {
    const repository = `i5/app-${round}`
    const pushed = await manifests(repository, 12)
    const operations = await Promise.all(
      pushed.flatMap(({ bytes, digest }, index) => [
        timed('write', async () => {
          if (index % 3 === 0) await scheduler.wait(index)
          expect((await putManifest(repository, 'latest', bytes)).status).toBe(201)
          return digest
        }),
        timed('read', () => readTag(repository, 'latest')),
        timed('read', async () => {
          await scheduler.wait(index)
          return readTag(repository, 'latest')
        }),
      ]),
    )
    const changes = await history(repository, 'latest')
    expect(changes.toSorted()).toEqual(pushed.map(({ digest }) => digest).toSorted())
    expect(explains(changes, operations)).toBe(true)
    expect(await readTag(repository, 'latest')).toBe(changes.at(-1))
  }
})

it('the history has deletions, and the tags deleted with a manifest', async () => {
  const repository = 'i5/deleted'
  const [first, second] = await manifests(repository, 2)
  if (first === undefined || second === undefined) throw new Error('no manifests')
  const path = `/v2/${repository}/manifests/`
  await putManifest(repository, 'latest', first.bytes)
  await putManifest(repository, 'latest', first.bytes)
  await putManifest(repository, 'latest', second.bytes)
  expect((await send('DELETE', `${path}latest`)).status).toBe(202)
  expect(await readTag(repository, 'latest')).toBeNull()
  await putManifest(repository, 'latest', first.bytes)
  expect((await send('DELETE', `${path}${first.digest}`)).status).toBe(202)
  expect(await readTag(repository, 'latest')).toBeNull()
  expect(await history(repository, 'latest')).toEqual([
    first.digest,
    second.digest,
    null,
    first.digest,
    null,
  ])
})

it('concurrent pushes and deletions leave the last value of the history', async () => {
  for (let round = 0; round < 6; round++) {
    const repository = `i5/crossing-${round}`
    const pushed = await manifests(repository, 4)
    await Promise.all(
      pushed.flatMap(({ bytes }) => [
        putManifest(repository, 'latest', bytes),
        send('DELETE', `/v2/${repository}/manifests/latest`),
      ]),
    )
    const changes = await history(repository, 'latest')
    expect(await readTag(repository, 'latest')).toBe(changes.at(-1))
    expect(changes.filter((digest) => digest !== null)).toHaveLength(pushed.length)
  }
})

it('one push of several tags moves all of them, or none', async () => {
  const repository = 'i5/several'
  const [first] = await manifests(repository, 1)
  if (first === undefined) throw new Error('no manifest')
  const put = await putManifest(repository, `${first.digest}?tag=a&tag=b`, first.bytes)
  expect(put.status).toBe(201)
  expect([await readTag(repository, 'a'), await readTag(repository, 'b')]).toEqual([
    first.digest,
    first.digest,
  ])
  const missing = imageManifest({ digest: await digestOf(randomBytes(9)), size: 9 }, [])
  const refused = await putManifest(repository, `${await digestOf(missing)}?tag=a&tag=c`, missing)
  expect(refused.status).toBe(400)
  expect(await history(repository, 'a')).toEqual([first.digest])
  expect(await readTag(repository, 'c')).toBeNull()
})
