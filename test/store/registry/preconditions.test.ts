/** If-Match and If-None-Match are decided in the batch of the change: of two writers one wins, however their batches come. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NO_PRECONDITIONS, type Preconditions } from '../../../src/lib/conditional.ts'
import type { Database, Statement } from '../../../src/store/database/database.ts'
import { findManifestByTag, removeManifest } from '../../../src/store/registry/manifests.ts'
import { putManifest } from '../../../src/store/registry/put-manifest.ts'
import { removeTag } from '../../../src/store/registry/tags.ts'
import { anyEvent } from '../../support/any-event.ts'
import { anyManifest, db, storedManifest } from '../support.ts'

const REPOSITORY = 'preconditions'

afterEach(() => {
  vi.restoreAllMocks()
})

function ifMatch(...digests: string[]): Preconditions {
  return { ifMatch: digests, ifNoneMatch: null }
}

function ifNoneMatch(...digests: string[]): Preconditions {
  return { ifMatch: null, ifNoneMatch: digests }
}

/** A push of a new manifest under `tag`. */
function push(tag: string, preconditions: Preconditions) {
  const event = anyEvent(REPOSITORY)
  const manifest = { tags: [tag], path: { tag }, preconditions, events: [event] as const }
  return anyManifest(manifest)
}

async function digestOf(tag: string): Promise<string | undefined> {
  return (await findManifestByTag(db, REPOSITORY, tag))?.digest
}

async function eventCount(id: string): Promise<number> {
  const row = await db
    .prepare('SELECT count(*) AS n FROM events WHERE id = ?1')
    .bind(id)
    .first<{ n: number }>()
  return row?.n ?? 0
}

type Case = [string, (current: string) => Preconditions, boolean, boolean]

// What is asked for; whether it is met where the tag is there, and where it is not.
const CASES: Case[] = [
  ['nothing', () => NO_PRECONDITIONS, true, true],
  ['its digest', (current) => ifMatch(current), true, false],
  ['a list with its digest', (current) => ifMatch('sha256:other', current), true, false],
  ['another digest', () => ifMatch('sha256:other'), false, false],
  ['any', () => ifMatch('*'), true, false],
  ['none', () => ifNoneMatch('*'), false, true],
  ['not its digest', (current) => ifNoneMatch('sha256:other', current), false, true],
  ['not another digest', () => ifNoneMatch('sha256:other'), true, true],
  [
    'both, of which one is not met',
    (current) => ({ ifMatch: [current], ifNoneMatch: ['*'] }),
    false,
    false,
  ],
]

describe.each(CASES)('with the precondition "%s"', (name, of, whereThere, whereMissing) => {
  it('a push checks a tag that exists, and one that does not', async () => {
    const there = await storedManifest(REPOSITORY, { tags: [`push ${name}`] })
    const next = push(`push ${name}`, of(there.digest))
    expect(await putManifest(db, REPOSITORY, next)).toBe(
      whereThere ? 'stored' : 'precondition failed',
    )
    expect(await digestOf(`push ${name}`)).toBe(whereThere ? next.digest : there.digest)
    expect(await eventCount(next.events[0].id)).toBe(whereThere ? 1 : 0)
    const fresh = push(`fresh ${name}`, of(there.digest))
    expect(await putManifest(db, REPOSITORY, fresh)).toBe(
      whereMissing ? 'stored' : 'precondition failed',
    )
    expect(await digestOf(`fresh ${name}`)).toBe(whereMissing ? fresh.digest : undefined)
  })

  it('a delete checks existing content; missing content is unknown', async () => {
    const expected = whereThere ? 'deleted' : 'precondition failed'
    const { digest } = await storedManifest(REPOSITORY, { tags: [`delete ${name}`] })
    const event = () => anyEvent(REPOSITORY)
    const byTag = await removeTag(db, REPOSITORY, `delete ${name}`, event(), of(digest))
    expect(byTag).toBe(expected)
    expect(await digestOf(`delete ${name}`)).toBe(whereThere ? undefined : digest)
    expect(await removeManifest(db, REPOSITORY, digest, event(), of(digest))).toBe(expected)
    expect(await removeTag(db, REPOSITORY, 'nowhere', event(), of(digest))).toBe('unknown')
  })
})

it.each<[string, (current: string) => Preconditions]>([
  ['If-None-Match: *', () => ifNoneMatch('*')],
  ['If-Match', (current) => ifMatch(current)],
])('of ten writers with %s one wins', async (name, of) => {
  const there = await storedManifest(REPOSITORY, { tags: [`race ${name}`] })
  if (of('').ifNoneMatch !== null) {
    await removeTag(db, REPOSITORY, `race ${name}`, anyEvent(REPOSITORY))
  }
  const writers = Array.from({ length: 10 }, () => push(`race ${name}`, of(there.digest)))
  const outcomes = await Promise.all(writers.map((one) => putManifest(db, REPOSITORY, one)))
  expect(outcomes.toSorted()).toEqual([...Array(9).fill('precondition failed'), 'stored'])
  expect(await digestOf(`race ${name}`)).toBe(writers[outcomes.indexOf('stored')]?.digest)
})

/** A database whose first batch takes effect, but whose answer is lost; `between` happens before the next. */
function losingTheAnswer(between: () => Promise<unknown>): Database {
  let isFirst = true
  return {
    prepare: (sql) => db.prepare(sql),
    async batch<T>(statements: Statement[]) {
      const results = await db.batch<T>(statements)
      if (!isFirst) return results
      isFirst = false
      await between()
      throw new Error('D1_ERROR: Network connection lost.')
    },
  }
}

describe('the winner, whose first answer is lost', () => {
  it('has succeeded, although its own push makes its precondition untrue', async () => {
    vi.spyOn(scheduler, 'wait').mockImplementation(async () => undefined)
    const there = await storedManifest(REPOSITORY, { tags: ['lost'] })
    const next = push('lost', ifMatch(there.digest))
    const on = losingTheAnswer(async () => undefined)
    expect(await putManifest(on, REPOSITORY, next)).toBe('stored')
    const once = push('lost once', ifNoneMatch('*'))
    const again = losingTheAnswer(async () => undefined)
    expect(await putManifest(again, REPOSITORY, once)).toBe('stored')
    expect(await eventCount(once.events[0].id)).toBe(1)
  })

  it('has succeeded, although another one has moved the tag on since', async () => {
    vi.spyOn(scheduler, 'wait').mockImplementation(async () => undefined)
    const there = await storedManifest(REPOSITORY, { tags: ['moved'] })
    const mine = push('moved', ifMatch(there.digest))
    const theirs = push('moved', ifMatch(mine.digest))
    const on = losingTheAnswer(() => putManifest(db, REPOSITORY, theirs))
    expect(await putManifest(on, REPOSITORY, mine)).toBe('stored')
    expect(await digestOf('moved')).toBe(theirs.digest)
  })

  it('has deleted, and deletes nothing that was pushed since', async () => {
    vi.spyOn(scheduler, 'wait').mockImplementation(async () => undefined)
    const there = await storedManifest(REPOSITORY, { tags: ['deleted'] })
    const fresh = push('deleted', ifNoneMatch('*'))
    const on = losingTheAnswer(() => putManifest(db, REPOSITORY, fresh))
    const event = anyEvent(REPOSITORY)
    expect(await removeTag(on, REPOSITORY, 'deleted', event, ifMatch(there.digest))).toBe('deleted')
    expect(await digestOf('deleted')).toBe(fresh.digest)
  })
})
