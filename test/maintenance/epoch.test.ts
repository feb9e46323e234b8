/** New, restored, copied and second databases on one bucket: the sweep takes nothing of another's. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { beginEpoch, markerKey, retiredKey } from '../../src/maintenance/epoch.ts'
import { sweepTombstones } from '../../src/maintenance/sweep.ts'
import { sweepOrphans } from '../../src/maintenance/sweep-orphans.ts'
import type { BlobStore } from '../../src/store/bytes/blob-store.ts'
import type { Database } from '../../src/store/database/database.ts'
import { commitBlob, findBlob } from '../../src/store/registry/blobs.ts'
import { registryId } from '../../src/store/registry/registry.ts'
import { anyBlob, buried, db } from '../store/support.ts'
import { anyEvent } from '../support/any-event.ts'
import {
  DAY_MS,
  HOUR_MS,
  newRegistry,
  registryRow,
  setRegistry,
  store,
  TODAY,
  withMethods,
  writeOrphan,
} from './support.ts'

const other: Database = env.REPLICA
const LATER = TODAY + 10 * DAY_MS + HOUR_MS

let id: string
let alarms: string[]

beforeEach(async () => {
  const statements = env.TEST_MIGRATIONS.flatMap(({ queries }) => queries)
  const tables = await env.REPLICA.prepare(
    `SELECT name FROM sqlite_schema WHERE name = 'registry'`,
  ).first()
  if (tables === null) await env.REPLICA.batch(statements.map((sql) => env.REPLICA.prepare(sql)))
  for (const each of [db, other]) await each.prepare('DELETE FROM tombstones').run()
  id = await newRegistry(db)
  alarms = []
  vi.spyOn(console, 'error').mockImplementation((line: unknown) => void alarms.push(String(line)))
})

afterEach(() => {
  vi.restoreAllMocks()
})

async function marker(of = id): Promise<string | undefined> {
  return (await env.BUCKET.get(markerKey(of)))?.text()
}

/** Sweeps as often as it takes, and long after everything is due. */
async function sweepAll(database: Database): Promise<void> {
  for (let runs = 0; runs < 20; runs++) await sweepOrphans(database, store, LATER)
  await sweepTombstones(database, store, LATER + 30 * DAY_MS)
}

async function exists(key: string): Promise<boolean> {
  return (await store.size(key)) !== null
}

describe('an epoch', () => {
  it('is incremented in D1 and copied to the bucket', async () => {
    for (const epoch of [1, 2, 3]) {
      expect(await beginEpoch(db, store, TODAY)).toBe(true)
      const row = await registryRow(db)
      expect(row).toMatchObject({ id, epoch })
      expect(await marker()).toBe(`${epoch} ${row.epoch_mark}`)
    }
  })

  it('continues after a crash between D1 and the bucket', async () => {
    const write = () => Promise.reject(new Error('R2 is away'))
    await beginEpoch(db, store, TODAY)
    for (let runs = 0; runs < 3; runs++) {
      const crashing = withMethods<BlobStore>(store, { write })
      await expect(beginEpoch(db, crashing, TODAY)).rejects.toThrow('R2 is away')
    }
    expect(await beginEpoch(db, store, TODAY)).toBe(true)
    expect(await registryRow(db)).toMatchObject({ id, epoch: 5 })
  })

  it('may begin several times at once', async () => {
    for (let round = 0; round < 10; round++) {
      const runs = Array.from({ length: 4 }, () => beginEpoch(db, store, TODAY))
      expect(await Promise.all(runs)).toEqual([true, true, true, true])
    }
    expect((await registryRow(db)).id).toBe(id)
  })
})

describe('a restored database', () => {
  it('takes a new id at once, keeps its rows and never judges what has the old id', async () => {
    const blob = { ...anyBlob(), storageKey: await writeOrphan(id) }
    await commitBlob(db, 'restored', blob, anyEvent())
    await beginEpoch(db, store, TODAY)
    const backup = await registryRow(db)
    await beginEpoch(db, store, TODAY)
    const lost = await writeOrphan(id)
    await setRegistry(db, backup)

    expect(await beginEpoch(db, store, LATER)).toBe(false)
    expect(alarms).toHaveLength(1)
    const { id: fresh, epoch, since } = await registryRow(db)
    expect(fresh).toMatch(/^[0-9a-f]{16}$/)
    expect(fresh).not.toBe(id)
    expect({ epoch, since }).toEqual({ epoch: 0, since: LATER })
    expect(await registryId(db)).toBe(fresh)
    await sweepAll(db)
    expect(await exists(lost)).toBe(true)
    expect(await findBlob(db, 'restored', blob.digest)).toEqual(blob)
    expect((await registryRow(db)).id).toBe(fresh)
    expect(await buried()).toEqual([])
  })

  it('is noticed even after a crash before it took the new id', async () => {
    await beginEpoch(db, store, TODAY)
    await setRegistry(db, { ...(await registryRow(db)), epoch: 0, epoch_mark: '' })
    const batch = () => Promise.reject(new Error('D1 is away'))
    await expect(beginEpoch(withMethods(db, { batch }), store, TODAY)).rejects.toThrow('D1 is away')
    expect(await beginEpoch(db, store, TODAY)).toBe(false)
    expect(await beginEpoch(db, store, TODAY)).toBe(true)
    expect((await registryRow(db)).id).not.toBe(id)
  })

  it('sweeps what it writes from then on', async () => {
    await beginEpoch(db, store, TODAY)
    await setRegistry(db, { ...(await registryRow(db)), epoch: 0, epoch_mark: '' })
    await beginEpoch(db, store, TODAY)
    const orphan = await writeOrphan(await registryId(db))
    await sweepAll(db)
    expect(await exists(orphan)).toBe(false)
  })
})

describe('a copy of the database on the same bucket', () => {
  it.each([
    ['the copy sweeps first', [other, db]],
    ['the original sweeps first', [db, other]],
  ])('%s: in the end neither judges the id of both', async (_, order) => {
    await beginEpoch(db, store, TODAY)
    await setRegistry(other, await registryRow(db))
    const ofOriginal = await writeOrphan(id)
    for (let hour = 0; hour < 2; hour++) {
      for (const database of order) await sweepOrphans(database, store, TODAY + hour * HOUR_MS)
    }
    for (const database of order) await sweepAll(database)
    expect(await exists(ofOriginal)).toBe(true)
    const ids = [id, (await registryRow(db)).id, (await registryRow(other)).id]
    expect(new Set(ids).size).toBe(3)
    expect(await exists(retiredKey(id))).toBe(true)
  })

  /** Both begin an epoch in step: neither writes to the bucket before the other wants to. */
  async function beginInStep(): Promise<void> {
    const all = Promise.withResolvers<void>()
    let arrived = 0
    const write: BlobStore['write'] = async (...args) => {
      arrived += 1
      if (arrived === 2) all.resolve()
      await all.promise
      return store.write(...args)
    }
    const inStep = withMethods<BlobStore>(store, { write })
    await Promise.all([db, other].map((database) => beginEpoch(database, inStep, TODAY)))
  }

  it('is noticed even if both always sweep at the same moment', async () => {
    await beginEpoch(db, store, TODAY)
    await setRegistry(other, await registryRow(db))
    for (let hour = 0; hour < 3; hour++) await beginInStep()
    const ids = [id, (await registryRow(db)).id, (await registryRow(other)).id]
    expect(new Set(ids).size).toBe(3)
  })
})

describe('a second registry on the same bucket', () => {
  it('removes nothing of the first, and the first removes nothing of it', async () => {
    await newRegistry(other)
    const theirs = { ...anyBlob(), storageKey: await writeOrphan((await registryRow(other)).id) }
    await commitBlob(other, 'second', theirs, anyEvent())
    const ours = { ...anyBlob(), storageKey: await writeOrphan(id) }
    await commitBlob(db, 'first', ours, anyEvent())
    for (const database of [db, other]) await sweepAll(database)
    expect(await exists(ours.storageKey)).toBe(true)
    expect(await exists(theirs.storageKey)).toBe(true)
    expect(alarms).toEqual([])
  })

  it('that is new removes nothing from a full bucket', async () => {
    const blob = { ...anyBlob(), storageKey: await writeOrphan(id) }
    await commitBlob(db, 'first', blob, anyEvent())
    const legacy = `blobs/2026-11-20/${crypto.randomUUID()}`
    await env.BUCKET.put(legacy, 'bytes')
    await newRegistry(other)
    await sweepAll(other)
    expect(await exists(blob.storageKey)).toBe(true)
    expect(await exists(legacy)).toBe(true)
  })
})
