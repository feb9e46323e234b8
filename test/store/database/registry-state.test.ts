/** The totals are what a count would find, whatever was pushed and deleted; what waits is counted; nothing is scanned. */
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Digest } from '../../../src/oci/digest.ts'
import { newStorageKey } from '../../../src/store/bytes/blob-store.ts'
import type { Database } from '../../../src/store/database/database.ts'
import { readRegistryState } from '../../../src/store/database/registry-state.ts'
import { noteSweep } from '../../../src/store/database/sweeps.ts'
import { recordEvent, settleEvents } from '../../../src/store/events/outbox.ts'
import { commitBlob, mountBlob, unlinkBlob } from '../../../src/store/registry/blobs.ts'
import { removeManifest } from '../../../src/store/registry/manifests.ts'
import { putManifest } from '../../../src/store/registry/put-manifest.ts'
import { removeTag } from '../../../src/store/registry/tags.ts'
import { anyEvent } from '../../support/any-event.ts'
import { Random } from '../../support/random.ts'
import { anyBlob, anyDigest, anyManifest, db, REGISTRY } from '../support.ts'

const REPOSITORIES = ['state/a', 'state/b', 'state/c', 'state/d']
const TAGS = ['one', 'two', 'three']

interface Totals {
  repositories: number
  manifests: number
  manifestBytes: number
  tags: number
  blobs: number
  blobBytes: number
}

async function totals(): Promise<Totals> {
  const { repositories, manifests, manifestBytes, tags, blobs, blobBytes } =
    await readRegistryState(db)
  return { repositories, manifests, manifestBytes, tags, blobs, blobBytes }
}

async function counts(): Promise<Totals | null> {
  return db
    .prepare(
      `SELECT (SELECT count(*) FROM repositories) AS repositories,
        (SELECT count(*) FROM manifests) AS manifests,
        (SELECT ifnull(sum(size), 0) FROM manifests) AS manifestBytes,
        (SELECT count(*) FROM tags) AS tags, (SELECT count(*) FROM blobs) AS blobs,
        (SELECT ifnull(sum(size), 0) FROM blobs) AS blobBytes`,
    )
    .first<Totals>()
}

/** What has a digest has its size from it: whatever refers to it knows both. */
function referenceTo(digest: Digest) {
  return { digest, size: Number.parseInt(digest.slice(-3), 16) + 1 }
}

function childOf(digest: Digest) {
  return { ...referenceTo(digest), mediaType: anyManifest().mediaType }
}

/** One change of any kind; many find nothing to change, or are refused. */
async function change(random: Random, blobs: Digest[], manifests: Digest[]): Promise<unknown> {
  const repository = random.pick(REPOSITORIES)
  const blob = random.pick([...blobs, anyDigest()])
  const manifest = random.pick([...manifests, anyDigest()])
  const event = anyEvent(repository)
  switch (random.below(7)) {
    case 0:
    case 1:
      blobs.push(blob)
      return commitBlob(db, repository, { ...anyBlob(blob), ...referenceTo(blob) }, event)
    case 2:
      return mountBlob(db, repository, blob, random.pick(REPOSITORIES), event)
    case 3:
      return unlinkBlob(db, repository, blob, event)
    case 4:
      manifests.push(manifest)
      return putManifest(
        db,
        repository,
        anyManifest({
          ...referenceTo(manifest),
          content: random.oneIn(4)
            ? { storageKey: newStorageKey(REGISTRY, 'manifests') }
            : { payload: '{}' },
          blobs: random.list(1, () => referenceTo(blob)),
          children: random.oneIn(4) ? [childOf(random.pick(manifests))] : [],
          tags: random.list(2, () => random.pick(TAGS)),
          mayMoveTags: !random.oneIn(4),
        }),
      )
    case 5:
      return removeTag(db, repository, random.pick(TAGS), event)
    default:
      return removeManifest(db, repository, manifest, event)
  }
}

async function changes(seed: number, number: number): Promise<void> {
  const random = new Random(seed)
  const blobs: Digest[] = []
  const manifests: Digest[] = []
  for (let made = 0; made < number; made++) {
    await change(random, blobs, manifests)
    if (made % 10 === 9) expect(await totals()).toEqual(await counts())
  }
}

describe('the totals', () => {
  it.each([1, 2, 3, 4])('are the counts after random changes, %i', async (seed) => {
    await changes(seed, 150)
    const { repositories, manifests, manifestBytes, tags, blobs, blobBytes } = await totals()
    expect(Math.min(repositories, manifests, manifestBytes, tags, blobs, blobBytes)).not.toBe(0)
    expect(await totals()).toEqual(await counts())
  })

  it('are the counts of a registry that is older than the totals', async () => {
    await changes(5, 50)
    const before = await totals()
    const { results } = await db
      .prepare(`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%totals%'`)
      .all<{ name: string }>()
    expect(results.length).toBeGreaterThan(0)
    await db.batch([
      ...results.map(({ name }) => db.prepare(`DROP TRIGGER ${name}`)),
      db.prepare('DROP TABLE totals'),
      db.prepare('DROP TABLE sweeps'),
      db.prepare(`DELETE FROM d1_migrations WHERE name = '0004_observing.sql'`),
    ])
    await applyD1Migrations(env.DB, env.TEST_MIGRATIONS)
    expect(await totals()).toEqual(before)
    await changes(6, 20)
  })

  it('are one row, and stay one', async () => {
    await expect(db.prepare('INSERT INTO totals SELECT 2, 0, 0, 0, 0, 0, 0').run()).rejects.toThrow(
      'CHECK constraint failed',
    )
  })
})

describe('waiting work', () => {
  beforeEach(async () => {
    const tables = ['events', 'deliveries', 'dead_letters', 'tombstones', 'sweeps']
    await db.batch(tables.map((table) => db.prepare(`DELETE FROM ${table}`)))
  })

  it('is zero at first, and no sweep has run', async () => {
    expect(await readRegistryState(db)).toMatchObject({
      events: 0,
      oldestEvent: null,
      deliveries: 0,
      oldestDelivery: null,
      deadLetters: 0,
      tombstones: 0,
      firstTombstone: null,
      collectedAt: null,
      collected: null,
      sweptAt: null,
      swept: null,
    })
  })

  it('are events that are not settled, with the time of the oldest', async () => {
    const events = [30, 10, 20, 40].map((second) => ({
      ...anyEvent(),
      timestamp: new Date(second * 1000).toISOString(),
    }))
    await db.batch(events.map((event) => recordEvent(db, event)))
    expect(await readRegistryState(db)).toMatchObject({ events: 4, oldestEvent: 30_000 })
    await db.batch([settleEvents(db, [events[0]?.id ?? ''], 1)])
    expect(await readRegistryState(db)).toMatchObject({ events: 3, oldestEvent: 10_000 })
  })

  it('are pending deliveries, with the time of the oldest, and letters that were not replayed', async () => {
    const row = (id: string, state: string, firstAt: number, nextAt: number | null) =>
      db
        .prepare(
          `INSERT INTO deliveries (event_id, endpoint, state, action, repository, event, attempts,
            first_at, next_at, updated_at) VALUES (?1, 'e', ?2, '', '', iif(?2 = 'pending', '{}', NULL),
            1, ?3, ?4, 1)`,
        )
        .bind(id, state, firstAt, nextAt)
    const letter = (replayedAt: number | null) =>
      db
        .prepare(
          `INSERT INTO dead_letters (endpoint, event_id, event, error, attempts, at, replayed_at)
            VALUES ('e', 'x', '{}', '', 1, 1, ?1)`,
        )
        .bind(replayedAt)
    await db.batch([
      row('a', 'pending', 500, 900),
      row('b', 'pending', 400, 950),
      row('c', 'delivered', 100, null),
      row('d', 'dead', 50, null),
      letter(null),
      letter(null),
      letter(7),
    ])
    expect(await readRegistryState(db)).toMatchObject({
      deliveries: 2,
      oldestDelivery: 400,
      deadLetters: 2,
    })
  })

  it('are tombstones, with the time of the first, and the last run of each sweep counts', async () => {
    const bury = 'INSERT INTO tombstones (storage_key, delete_after) VALUES (?1, ?2)'
    await db.batch([
      db.prepare(bury).bind('a', 20),
      db.prepare(bury).bind('b', 10),
      db.prepare(bury).bind('c', 30),
    ])
    await noteSweep(db, 'collector', 4, 100)
    await noteSweep(db, 'outbox', 2, 150)
    await noteSweep(db, 'collector', 0, 200)
    expect(await readRegistryState(db)).toMatchObject({
      tombstones: 3,
      firstTombstone: 10,
      collectedAt: 200,
      collected: 0,
      sweptAt: 150,
      swept: 2,
    })
  })
})

describe('the query', () => {
  it('reads only waiting rows', async () => {
    const asked: string[] = []
    const watched: Database = {
      prepare: (sql) => {
        asked.push(sql)
        return db.prepare(sql)
      },
      batch: (statements) => db.batch(statements),
    }
    await readRegistryState(watched)
    expect(asked).toHaveLength(1)
    const { results } = await db.prepare(`EXPLAIN QUERY PLAN ${asked[0]}`).all<{ detail: string }>()
    const scans = results.map(({ detail }) => detail).filter((step) => step.startsWith('SCAN '))
    expect(scans.sort()).toEqual([
      'SCAN dead',
      'SCAN dead_letters USING INDEX dead_letters_to_replay',
      'SCAN deliveries USING INDEX deliveries_overdue',
      'SCAN events USING INDEX events_unsettled',
      'SCAN graves',
      'SCAN outbox',
      'SCAN pending',
      'SCAN tombstones USING COVERING INDEX tombstones_waiting',
    ])
  })
})
