/** Empty repositories go by themselves after a day, and counts of failed logins after 90. */
import { afterEach, describe, expect, it } from 'vitest'
import { forgetRows } from '../../src/maintenance/forget-rows.ts'
import { noteFailedLogin } from '../../src/store/access/failed-logins.ts'
import { unlinkBlob } from '../../src/store/registry/blobs.ts'
import { removeManifest } from '../../src/store/registry/manifests.ts'
import { committedBlob, count, db, storedManifest } from '../store/support.ts'
import { anyEvent } from '../support/any-event.ts'
import { DAY_MS, HOUR_MS } from './support.ts'

const soon = () => Date.now() + DAY_MS - HOUR_MS
const later = () => Date.now() + DAY_MS + HOUR_MS

async function names(): Promise<string[]> {
  const { results } = await db
    .prepare('SELECT name FROM repositories ORDER BY name')
    .all<{ name: string }>()
  return results.map(({ name }) => name)
}

/** A repository that had an image, of which nothing is left. */
async function emptied(name: string): Promise<void> {
  const blob = await committedBlob(name)
  const { digest } = await storedManifest(name, { blobs: [blob], tags: ['latest'] })
  await removeManifest(db, name, digest, anyEvent())
  await unlinkBlob(db, name, blob.digest, anyEvent())
}

afterEach(async () => {
  // The history last: deleting tags writes it.
  for (const table of ['manifests', 'repository_blobs', 'tag_history', 'repositories']) {
    await db.prepare(`DELETE FROM ${table}`).run()
  }
})

describe('an empty repository', () => {
  it('is removed with its history a day after its last content', async () => {
    await emptied('a')
    expect(await forgetRows(db, soon())).toBe(0)
    expect(await names()).toEqual(['a'])
    expect(await forgetRows(db, later())).toBe(1)
    expect(await names()).toEqual([])
    expect(await count('tag_history')).toBe(0)
    expect(await count('repository_reviews')).toBe(0)
  })

  it('stays, and is not checked again, if something was pushed meanwhile', async () => {
    await emptied('b')
    await committedBlob('b')
    await emptied('c')
    await storedManifest('c')
    expect(await forgetRows(db, later())).toBe(0)
    expect(await names()).toEqual(['b', 'c'])
    expect(await count('repository_reviews')).toBe(0)
  })

  it('is one that has neither manifests nor blobs', async () => {
    const blob = await committedBlob('only/blobs')
    const { digest } = await storedManifest('only/blobs', { blobs: [blob] })
    await removeManifest(db, 'only/blobs', digest, anyEvent())
    const other = await committedBlob('only/manifests')
    await storedManifest('only/manifests', { tags: ['latest'] })
    await unlinkBlob(db, 'only/manifests', other.digest, anyEvent())
    expect(await count('repository_reviews')).toBe(2)
    await emptied('nothing')
    expect(await forgetRows(db, later())).toBe(1)
    expect(await names()).toEqual(['only/blobs', 'only/manifests'])
  })

  it('is removed, however many there are', async () => {
    await db.batch([
      db.prepare(
        `INSERT INTO repositories (name, created_at)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
        SELECT 'many/' || i, 0 FROM n`,
      ),
      db.prepare('INSERT INTO repository_reviews SELECT id, 0 FROM repositories'),
    ])
    expect(await forgetRows(db, later())).toBe(1000)
    expect(await forgetRows(db, later())).toBe(500)
    expect(await names()).toEqual([])
  })
})

describe('counts of failed logins', () => {
  it('are removed after 90 days', async () => {
    await noteFailedLogin(db, 'alice', '192.0.2.1', Date.now())
    const kept = () => count('audit')
    await forgetRows(db, Date.now() + 89 * DAY_MS)
    expect(await kept()).toBe(1)
    await forgetRows(db, Date.now() + 91 * DAY_MS)
    expect(await kept()).toBe(0)
  })
})
