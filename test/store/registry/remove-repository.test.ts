/** Removing a repository with everything in it: in steps, with the events of all that goes, and nothing of other repositories. */
import { describe, expect, it } from 'vitest'
import { newEvent } from '../../../src/events/model/event.ts'
import type { Digest } from '../../../src/oci/digest.ts'
import { newStorageKey } from '../../../src/store/bytes/blob-store.ts'
import { findBlob, mountBlob } from '../../../src/store/registry/blobs.ts'
import { removeManifest } from '../../../src/store/registry/manifests.ts'
import { removeRepository, STEP_ENTRIES } from '../../../src/store/registry/remove-repository.ts'
import { anyEvent } from '../../support/any-event.ts'
import {
  anyDigest,
  buried,
  committedBlob,
  count,
  db,
  REGISTRY,
  storedManifest,
} from '../support.ts'

const REQUEST = { id: 'r', addr: '', host: 'registry.test', method: 'DELETE', useragent: '' }

function remove(repository: string, steps = 20) {
  return removeRepository(db, repository, steps, () =>
    newEvent('delete', { repository }, REQUEST, 'alice'),
  )
}

interface Told {
  id: string
  action: string
  target: { repository: string; tag?: string; digest?: Digest; kind?: string }
  actor: { name: string }
}

async function told(repository: string): Promise<Told[]> {
  const { results } = await db
    .prepare(`SELECT event FROM events WHERE repository = ?1 AND action = 'delete' ORDER BY seq`)
    .bind(repository)
    .all<{ event: string }>()
  return results.map(({ event }) => JSON.parse(event))
}

/** So many small manifests, of each one tag. */
async function fill(repository: string, manifests: number): Promise<void> {
  await storedManifest(repository)
  const from = `FROM repositories, n WHERE name = ?1`
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)`
  await db.batch([
    db
      .prepare(
        `INSERT INTO manifests
          (repository_id, digest, media_type, size, payload, created_at, pushed_at)
        ${numbers} SELECT id, 'sha256:' || i, 'm', 2, '{}', 0, 0 ${from}`,
      )
      .bind(repository, manifests - 1),
    db
      .prepare(
        `INSERT INTO tags (repository_id, name, digest, updated_at)
        ${numbers} SELECT id, 't' || i, 'sha256:' || i, 0 ${from}`,
      )
      .bind(repository, manifests - 1),
  ])
}

describe('a repository that is removed', () => {
  it('is removed with everything in it, and leaves others unchanged', async () => {
    const shared = await committedBlob('going')
    const own = await committedBlob('going')
    await mountBlob(db, 'staying', shared.digest, 'going', anyEvent())
    await storedManifest('staying', { blobs: [shared], tags: ['latest'] })
    const large = newStorageKey(REGISTRY, 'manifests')
    const image = await storedManifest('going', {
      blobs: [shared, own],
      content: { storageKey: large },
    })
    const index = await storedManifest('going', { children: [image], tags: ['a', 'b'] })
    const outer = await storedManifest('going', { children: [index], tags: ['c'] })

    expect(await remove('going')).toEqual({ manifests: 3, blobs: 2, complete: true })

    const { results } = await db.prepare('SELECT name FROM repositories').all()
    expect(results).toEqual([{ name: 'staying' }])
    expect(await count('manifests')).toBe(1)
    expect(await count('tags')).toBe(1)
    expect(await findBlob(db, 'staying', shared.digest)).toEqual(shared)
    expect(await buried()).toEqual([large, own.storageKey].sort())
    expect(await count('blobs')).toBe(1)

    const events = await told('going')
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
    expect(events.every(({ actor }) => actor.name === 'alice')).toBe(true)
    const targets = events.map(({ target }) => target.tag ?? `${target.kind} ${target.digest}`)
    expect(targets.toSorted()).toEqual(
      [
        ...['a', 'b', 'c'],
        ...[image, index, outer].map(({ digest }) => `manifest ${digest}`),
        ...[shared, own].map(({ digest }) => `blob ${digest}`),
      ].toSorted(),
    )
    expect(await told('staying')).toEqual([])
    const rows = await db.prepare('SELECT count(*) AS n FROM events WHERE settled_at IS NULL').all()
    expect(rows.results).not.toEqual([{ n: 0 }])
  })

  it('is removed in steps of 1,000 manifests, and in several requests if there are many', async () => {
    await fill('large', 2 * STEP_ENTRIES + 1)
    expect(await remove('large', 1)).toEqual({ manifests: 1000, blobs: 0, complete: false })
    expect(await remove('large', 1)).toEqual({ manifests: 1000, blobs: 0, complete: false })
    expect(await remove('large')).toEqual({ manifests: 1, blobs: 0, complete: true })
    // Of each manifest, and of each tag: the first manifest has none.
    expect(await told('large')).toHaveLength(2 * (2 * STEP_ENTRIES + 1) - 1)
    expect(await remove('large')).toEqual({ manifests: 0, blobs: 0, complete: true })
  })

  it('is created again by a later push', async () => {
    const digest = anyDigest()
    await storedManifest('again', { digest, tags: ['latest'] })
    await remove('again')
    await storedManifest('again', { digest, tags: ['latest'] })
    const sql = `SELECT count(*) AS n FROM tag_history WHERE name = 'latest' AND digest = ?1`
    expect(await db.prepare(sql).bind(digest).first()).toEqual({ n: 1 })
    expect(await remove('again')).toMatchObject({ manifests: 1, complete: true })
    expect(await told('again')).toHaveLength(4)
  })

  it('is not affected by earlier deletes', async () => {
    const { digest } = await storedManifest('emptied', { tags: ['latest'] })
    await removeManifest(db, 'emptied', digest, anyEvent())
    expect(await remove('emptied')).toEqual({ manifests: 0, blobs: 0, complete: true })
  })
})
