/** The orphan sweep: what it looks at and when, what it buries, and when it stops. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sweepTombstones } from '../../src/maintenance/sweep.ts'
import {
  ORPHAN_AGE_MS,
  ORPHAN_GRACE_MS,
  sweepOrphans,
} from '../../src/maintenance/sweep-orphans.ts'
import type { BlobStore, ObjectPage } from '../../src/store/bytes/blob-store.ts'
import { buryUnlessTaken } from '../../src/store/bytes/tombstones.ts'
import { readRegistryState } from '../../src/store/database/registry-state.ts'
import { commitBlob } from '../../src/store/registry/blobs.ts'
import { anyBlob, buried, db, storedManifest } from '../store/support.ts'
import { anyEvent } from '../support/any-event.ts'
import {
  DAY_MS,
  dayOf,
  HOUR_MS,
  keyOf,
  newRegistry,
  store,
  TODAY,
  withMethods,
  writeOrphan,
} from './support.ts'

/** When today's first look is due: the second day after it is over. */
const FIRST_LOOK = TODAY + 3 * DAY_MS + HOUR_MS
const SECOND_LOOK = TODAY + 10 * DAY_MS + HOUR_MS

let id: string

beforeEach(async () => {
  await db.prepare('DELETE FROM tombstones').run()
  id = await newRegistry(db)
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Runs the sweep until it finds nothing to do. Returns how many it buried. */
async function sweepAll(now: number, from: BlobStore = store): Promise<number> {
  let all = 0
  for (let runs = 0; runs < 20; runs++) all += await sweepOrphans(db, from, now)
  return all
}

/** A store that notes what is listed, and lists these objects, or the real ones. */
function listing(objects?: { key: string; uploaded: number }[], atOnce = 1000) {
  const listed: string[] = []
  const list = async (prefix: string, after: string): Promise<ObjectPage> => {
    listed.push(prefix)
    if (objects === undefined) return store.list(prefix, after)
    const rest = objects.filter(({ key }) => key.startsWith(prefix) && key > after)
    return { objects: rest.slice(0, atOnce), more: rest.length > atOnce }
  }
  return { listed, store: withMethods<BlobStore>(store, { list }) }
}

/** Objects of today with ordered keys. */
function manyObjects(count: number) {
  const prefix = `${id}/blobs/${dayOf(TODAY)}/`
  return Array.from({ length: count }, (_, n) => ({
    key: `${prefix}${String(n).padStart(6, '0')}`,
    uploaded: TODAY,
  }))
}

/** Rows that name all of these objects. */
async function nameAll(objects: { key: string }[]): Promise<void> {
  await db
    .prepare(
      `INSERT INTO blobs (digest, size, storage_key, created_at)
       SELECT 'sha256:' || value, 1, value, 0 FROM json_each(?1)`,
    )
    .bind(JSON.stringify(objects.map(({ key }) => key)))
    .run()
}

describe('an orphan', () => {
  it('is buried when its day has been over for two days, and removed seven days later', async () => {
    const key = await writeOrphan(id)
    expect(await sweepAll(FIRST_LOOK - 2 * HOUR_MS)).toBe(0)
    expect(await sweepAll(FIRST_LOOK)).toBe(1)
    expect(await buried()).toEqual([key])
    expect(await sweepTombstones(db, store, FIRST_LOOK + ORPHAN_GRACE_MS - 1)).toBe(0)
    expect(await store.size(key)).toBe(5)
    expect(await sweepTombstones(db, store, FIRST_LOOK + ORPHAN_GRACE_MS)).toBe(1)
    expect(await store.size(key)).toBeNull()
  })

  it('of an upload that took days is buried by the second check', async () => {
    const began = TODAY - 5 * DAY_MS
    id = await newRegistry(db, began)
    const key = await writeOrphan(id, began)
    expect(await sweepAll(TODAY + HOUR_MS)).toBe(0)
    expect(await sweepAll(began + 10 * DAY_MS - HOUR_MS)).toBe(0)
    expect(await sweepAll(began + 10 * DAY_MS + HOUR_MS)).toBe(1)
    expect(await buried()).toEqual([key])
  })

  it('is buried only if R2 says that it was written more than 48 hours ago', async () => {
    const [old, young] = manyObjects(2)
    if (old === undefined || young === undefined) throw new Error('no objects')
    old.uploaded = FIRST_LOOK - ORPHAN_AGE_MS - 1
    young.uploaded = FIRST_LOOK - ORPHAN_AGE_MS
    expect(await sweepAll(FIRST_LOOK, listing([old, young]).store)).toBe(1)
    expect(await buried()).toEqual([old.key])
  })

  it('is not an object that a row or a tombstone names, or one with another prefix', async () => {
    const blob = { ...anyBlob(), storageKey: await writeOrphan(id) }
    await commitBlob(db, 'orphans', blob, anyEvent())
    const storageKey = keyOf(id, 'manifests')
    await env.BUCKET.put(storageKey, 'bytes')
    await storedManifest('orphans', { content: { storageKey } })
    const tomb = await writeOrphan(id)
    await buryUnlessTaken(db, tomb, 0).run()
    const others = [
      keyOf(id, 'blobs').slice(id.length + 1),
      keyOf('fedcba9876543210', 'blobs'),
      `${id}x/blobs/${dayOf(TODAY)}/x`,
    ]
    for (const key of others) await env.BUCKET.put(key, 'bytes')
    expect(await sweepAll(SECOND_LOOK)).toBe(0)
    const [{ delete_after } = { delete_after: null }] = (
      await db.prepare('SELECT delete_after FROM tombstones').all<{ delete_after: number }>()
    ).results
    expect(delete_after).toBe(HOUR_MS)
  })

  it('is also an object that came back after its bytes were removed', async () => {
    const key = await writeOrphan(id)
    await buryUnlessTaken(db, key, 0).run()
    await sweepTombstones(db, store, HOUR_MS)
    await env.BUCKET.put(key, 'late')
    expect(await sweepAll(FIRST_LOOK)).toBe(1)
    expect(await sweepTombstones(db, store, FIRST_LOOK + ORPHAN_GRACE_MS)).toBe(1)
    expect(await store.size(key)).toBeNull()
  })
})

describe('the checks', () => {
  it('visit each day twice, in order, even if runs were missed', async () => {
    const { listed, store: watched } = listing()
    await sweepAll(TODAY + 13 * DAY_MS + HOUR_MS, watched)
    const looks = Array.from({ length: 13 }, (_, run) => run).flatMap((run) =>
      [run - 2, run - 9].filter((day) => day >= 0),
    )
    const prefixes = looks.flatMap((day) =>
      ['blobs', 'manifests'].map((kind) => `${id}/${kind}/${dayOf(TODAY + day * DAY_MS)}/`),
    )
    expect(listed).toEqual(prefixes)
  })

  it('read at most six pages per run, and continue where they ended', async () => {
    const objects = manyObjects(70)
    const { listed, store: watched } = listing(objects, 10)
    for (const already of [60, 70, 70]) {
      await sweepOrphans(db, watched, FIRST_LOOK)
      expect((await buried()).length).toBe(already)
    }
    expect(listed).toHaveLength(8)
  })

  it('continue after a crash', async () => {
    const objects = manyObjects(30)
    const { store: watched } = listing(objects, 10)
    let batches = 0
    const crashing = withMethods(db, {
      batch: (statements) => {
        batches += 1
        return batches === 2 ? Promise.reject(new Error('D1 is away')) : db.batch(statements)
      },
    })
    await expect(sweepOrphans(crashing, watched, FIRST_LOOK)).rejects.toThrow('D1 is away')
    expect(await buried()).toHaveLength(10)
    expect(await sweepOrphans(db, watched, FIRST_LOOK)).toBe(20)
    expect(await buried()).toEqual(objects.map(({ key }) => key))
  })

  it('do not bury an object that was committed before the burial', async () => {
    const [object] = manyObjects(1)
    if (object === undefined) throw new Error('no object')
    let named = false
    const racing = withMethods(db, {
      batch: async (statements) => {
        await nameAll(named ? [] : [object])
        named = true
        return db.batch(statements)
      },
    })
    await sweepOrphans(racing, listing([object]).store, FIRST_LOOK)
    expect(await buried()).toEqual([])
  })
})

describe('too many orphans', () => {
  let alarms: string[]

  beforeEach(() => {
    alarms = []
    vi.spyOn(console, 'error').mockImplementation((line: unknown) => void alarms.push(String(line)))
  })

  it.each([
    [100, 100, 100],
    [101, 101, 0],
    [102, 10_200, 102],
    [103, 10_200, 0],
  ])(
    'are more than a hundred and more than one in a hundred: of %i of %i, %i are buried',
    async (orphans, all, gone) => {
      const objects = manyObjects(all)
      await nameAll(objects.slice(0, all - orphans))
      expect(await sweepAll(FIRST_LOOK, listing(objects).store)).toBe(gone)
      expect(alarms.length > 0).toBe(gone === 0)
    },
  )

  it('stop the sweep, which buries nothing and says so in each run, until there are fewer', async () => {
    const objects = manyObjects(101)
    const { store: watched } = listing(objects)
    for (const runs of [1, 2, 3]) {
      expect(await sweepOrphans(db, watched, FIRST_LOOK + runs)).toBe(0)
      expect(alarms).toHaveLength(runs)
      expect((await readRegistryState(db)).orphanSweepStopped).toBe(1)
    }
    expect(JSON.parse(alarms[0] ?? '')).toMatchObject({
      message: 'too many orphans: the orphan sweep has stopped',
      day: dayOf(TODAY),
      seen: 101,
      orphans: 101,
    })
    expect(await buried()).toEqual([])
    await nameAll(objects.slice(0, 1))
    expect(await sweepOrphans(db, watched, FIRST_LOOK)).toBe(100)
    expect((await readRegistryState(db)).orphanSweepStopped).toBe(0)
  })

  it('are counted over all pages of a day, and over both kinds', async () => {
    const blobs = manyObjects(60)
    const manifests = blobs.map(({ key, uploaded }) => ({
      key: key.replace('/blobs/', '/manifests/'),
      uploaded,
    }))
    const { store: watched } = listing([...blobs, ...manifests], 25)
    expect(await sweepAll(FIRST_LOOK, watched)).toBe(85)
    expect(alarms.length).toBeGreaterThan(0)
  })

  it('of one day do not stop the next day', async () => {
    const today = manyObjects(60)
    const tomorrow = today.map(({ key }) => ({
      key: key.replace(dayOf(TODAY), dayOf(TODAY + DAY_MS)),
      uploaded: TODAY + DAY_MS,
    }))
    const { store: watched } = listing([...today, ...tomorrow])
    expect(await sweepAll(FIRST_LOOK + DAY_MS, watched)).toBe(120)
    expect(alarms).toEqual([])
  })

  it('are buried if the operator allows that day', async () => {
    const { store: watched } = listing(manyObjects(101))
    await db
      .prepare('UPDATE orphan_sweep SET allowed_day = ?1')
      .bind(dayOf(TODAY + DAY_MS))
      .run()
    expect(await sweepOrphans(db, watched, FIRST_LOOK)).toBe(0)
    await db.prepare('UPDATE orphan_sweep SET allowed_day = ?1').bind(dayOf(TODAY)).run()
    expect(await sweepOrphans(db, watched, FIRST_LOOK)).toBe(101)
  })
})
