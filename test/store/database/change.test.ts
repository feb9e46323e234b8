/** Changes are made once, however often their batch is tried, and whenever it takes effect. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Database, Statement } from '../../../src/store/database/database.ts'
import { commitBlob, findBlob, mountBlob, unlinkBlob } from '../../../src/store/registry/blobs.ts'
import { findManifestByTag, removeManifest } from '../../../src/store/registry/manifests.ts'
import { putManifest } from '../../../src/store/registry/put-manifest.ts'
import { removeTag } from '../../../src/store/registry/tags.ts'
import { anyEvent } from '../../support/any-event.ts'
import { anyBlob, anyManifest, buried, committedBlob, db, storedManifest } from '../support.ts'

let batches = 0
let reads = 0

beforeEach(() => {
  batches = 0
  reads = 0
  vi.spyOn(scheduler, 'wait').mockImplementation(async () => undefined)
})

afterEach(() => {
  vi.restoreAllMocks()
})

type Batch = Database['batch']

/** The database, whose n-th batch (from 1) goes through `through`; all others succeed. */
function faulty(through: (n: number, run: () => ReturnType<Batch>) => ReturnType<Batch>): Database {
  return {
    prepare: (sql) => {
      if (sql.includes('AS found')) reads += 1
      return db.prepare(sql)
    },
    batch: <T>(statements: Statement[]) => {
      batches += 1
      return through(batches, () => db.batch(statements)) as ReturnType<typeof db.batch<T>>
    },
  }
}

const LOST = 'D1_ERROR: Network connection lost.'

/** The first batches fail, `before` or `after` their effect. */
function losing(times: number, when: 'before' | 'after', message = LOST): Database {
  return faulty(async (n, run) => {
    if (n > times) return run()
    if (when === 'after') await run()
    throw new Error(message)
  })
}

async function eventsOf(id: string): Promise<number> {
  const row = await db
    .prepare('SELECT count(*) AS n FROM events WHERE id = ?1')
    .bind(id)
    .first<{ n: number }>()
  return row?.n ?? 0
}

async function history(repository: string, tag: string): Promise<(string | null)[]> {
  const { results } = await db
    .prepare(
      `SELECT tag_history.digest FROM tag_history
       JOIN repositories ON repositories.id = tag_history.repository_id
       WHERE repositories.name = ?1 AND tag_history.name = ?2 ORDER BY tag_history.id`,
    )
    .bind(repository, tag)
    .all<{ digest: string | null }>()
  return results.map(({ digest }) => digest)
}

/** Every change, with what it answers when it was done. */
const CHANGES: Record<
  string,
  () => Promise<[string, (on: Database) => Promise<unknown>, unknown]>
> = {
  'commit a blob': async () => {
    const [blob, event] = [anyBlob(), anyEvent()]
    return [
      event.id,
      (on) => commitBlob(on, 'change', blob, event),
      expect.stringMatching(/^(committed|repeated)$/),
    ]
  },
  'mount a blob': async () => {
    const [blob, event] = [await committedBlob('change/source'), anyEvent()]
    return [event.id, (on) => mountBlob(on, 'change', blob.digest, 'change/source', event), true]
  },
  'unlink a blob': async () => {
    const [blob, event] = [await committedBlob('change'), anyEvent()]
    return [event.id, (on) => unlinkBlob(on, 'change', blob.digest, event), 'deleted']
  },
  'put a manifest': async () => {
    const manifest = anyManifest({ tags: ['put'] })
    return [manifest.events[0].id, (on) => putManifest(on, 'change', manifest), 'stored']
  },
  'remove a manifest': async () => {
    const [manifest, event] = [await storedManifest('change'), anyEvent()]
    return [event.id, (on) => removeManifest(on, 'change', manifest.digest, event), 'deleted']
  },
  'remove a tag': async () => {
    await storedManifest('change', { tags: ['removed'] })
    const event = anyEvent()
    return [event.id, (on) => removeTag(on, 'change', 'removed', event), 'deleted']
  },
}

describe.each(Object.entries(CHANGES))('%s', (_, prepare) => {
  it('is one round trip if nothing fails', async () => {
    const [, change, success] = await prepare()
    expect(await change(losing(0, 'before'))).toEqual(success)
    // Each change prepares the look for its event, which goes with the batch.
    expect({ batches, reads }).toEqual({ batches: 1, reads: 1 })
  })

  it.each([
    ['before', 1],
    ['before', 2],
    ['after', 1],
  ] as const)(
    'succeeds once where the connection is lost %s the effect, %i times',
    async (when, times) => {
      const [id, change, success] = await prepare()
      expect(await change(losing(times, when))).toEqual(success)
      expect(await eventsOf(id)).toBe(1)
    },
  )

  it('fails after three tries, and does nothing', async () => {
    const [id, change, success] = await prepare()
    await expect(change(losing(9, 'before'))).rejects.toThrow(LOST)
    expect(batches).toBe(3)
    expect(await eventsOf(id)).toBe(0)
    expect(await change(db)).toEqual(success)
  })

  it('is not tried again after an error that does not pass', async () => {
    const [, change] = await prepare()
    await expect(change(losing(9, 'before', 'D1_ERROR: no such table: x'))).rejects.toThrow(
      'no such',
    )
    expect(batches).toBe(1)
  })

  it('succeeds if the last try took effect and its answer was lost', async () => {
    const [id, change, success] = await prepare()
    const on = faulty(async (n, run) => {
      if (n === 3) await run()
      throw new Error(LOST)
    })
    expect(await change(on)).toEqual(success)
    expect(await eventsOf(id)).toBe(1)
  })

  it('succeeds if an earlier try takes effect between the check and the next try', async () => {
    const [id, change, success] = await prepare()
    let first: (() => ReturnType<Batch>) | undefined
    const on = faulty(async (n, run) => {
      if (n === 1) {
        first = run
        throw new Error(LOST)
      }
      await first?.()
      return run()
    })
    expect(await change(on)).toEqual(success)
    expect(await eventsOf(id)).toBe(1)
  })

  it('has no second effect where an earlier try comes late', async () => {
    const [id, change, success] = await prepare()
    let late: (() => ReturnType<Batch>) | undefined
    const on = faulty(async (n, run) => {
      if (n > 1) return run()
      late = run
      throw new Error(LOST)
    })
    expect(await change(on)).toEqual(success)
    // It finds nothing to do, or the event of its own second try.
    await late?.().catch((error: unknown) => expect(String(error)).toContain('events.id'))
    expect(await eventsOf(id)).toBe(1)
  })
})

describe('a change that comes late', () => {
  /** The batch of the first try, to be sent when it is too late. */
  async function delayed(change: (on: Database) => Promise<unknown>) {
    let late: (() => ReturnType<Batch>) | undefined
    await change(
      faulty(async (n, run) => {
        if (n > 1) return run()
        late = run
        throw new Error(LOST)
      }),
    )
    return async () => {
      await expect(late?.()).rejects.toThrow('UNIQUE constraint failed: events.id')
    }
  }

  it('does not move a tag back', async () => {
    const old = anyManifest({ tags: ['moved'] })
    const send = await delayed((on) => putManifest(on, 'late', old))
    const { digest } = await storedManifest('late', { tags: ['moved'] })
    await send()
    expect((await findManifestByTag(db, 'late', 'moved'))?.digest).toBe(digest)
    expect(await history('late', 'moved')).toEqual([old.digest, digest])
  })

  it('does not remove a tag that was pushed since', async () => {
    await storedManifest('late', { tags: ['back'] })
    const event = anyEvent()
    const send = await delayed((on) => removeTag(on, 'late', 'back', event))
    const { digest } = await storedManifest('late', { tags: ['back'] })
    await send()
    expect((await findManifestByTag(db, 'late', 'back'))?.digest).toBe(digest)
  })

  it('does not bring a deleted blob back', async () => {
    const [blob, event] = [anyBlob(), anyEvent()]
    const send = await delayed((on) => commitBlob(on, 'late', blob, event))
    await unlinkBlob(db, 'late', blob.digest, anyEvent())
    await send()
    expect(await findBlob(db, 'late', blob.digest)).toBeNull()
    expect(await buried()).toContain(blob.storageKey)
  })
})

describe('an operation that was done before', () => {
  it('is repeated if a blob comes again, and the new object is buried', async () => {
    const [first, event] = [anyBlob(), anyEvent()]
    expect(await commitBlob(db, 'again', first, event)).toBe('committed')
    const second = anyBlob(first.digest)
    expect(await commitBlob(db, 'again', second, event)).toBe('repeated')
    expect(await commitBlob(db, 'again', first, event)).toBe('repeated')
    expect(await findBlob(db, 'again', first.digest)).toEqual(first)
    const keys = await buried()
    expect(keys).toContain(second.storageKey)
    expect(keys).not.toContain(first.storageKey)
    expect(await eventsOf(event.id)).toBe(1)
  })

  it('is repeated, not buried, if its blob was deleted since', async () => {
    const [blob, event] = [anyBlob(), anyEvent()]
    await commitBlob(db, 'again', blob, event)
    await unlinkBlob(db, 'again', blob.digest, anyEvent())
    expect(await commitBlob(db, 'again', blob, event)).toBe('repeated')
    expect(await findBlob(db, 'again', blob.digest)).toBeNull()
  })

  it('is stored, not refused, if a protected tag was moved since', async () => {
    const manifest = anyManifest({ tags: ['once'], mayMoveTags: false })
    expect(await putManifest(db, 'again', manifest)).toBe('stored')
    const { digest } = await storedManifest('again', { tags: ['once'] })
    expect(await putManifest(db, 'again', manifest)).toBe('stored')
    expect((await findManifestByTag(db, 'again', 'once'))?.digest).toBe(digest)
  })
})
