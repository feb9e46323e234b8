/** Removing a manifest with the indexes that lead to it: whole, in one transaction, and never what a tag reaches. */
import { describe, expect, it } from 'vitest'
import { NO_PRECONDITIONS, type Preconditions } from '../../../src/lib/conditional.ts'
import { newStorageKey } from '../../../src/store/bytes/blob-store.ts'
import type { Database } from '../../../src/store/database/database.ts'
import type { NewManifest } from '../../../src/store/registry/put-manifest.ts'
import { putManifest } from '../../../src/store/registry/put-manifest.ts'
import {
  CASCADE_AT_MOST,
  removeUnreachable,
} from '../../../src/store/registry/remove-unreachable.ts'
import { anyEvent } from '../../support/any-event.ts'
import { buried, db, putAgain, REGISTRY, storedManifest } from '../support.ts'

interface Told {
  id: string
  action: string
  target: { repository: string; tag?: string; digest?: string; kind?: string }
}

function remove(
  repository: string,
  { digest }: Pick<NewManifest, 'digest'>,
  {
    watched = db,
    preconditions = NO_PRECONDITIONS,
    event = anyEvent(),
  }: {
    watched?: Database
    preconditions?: Preconditions
    event?: ReturnType<typeof anyEvent>
  } = {},
) {
  const ofManifest = {
    ...event,
    action: 'delete',
    target: { repository, digest, kind: 'manifest' },
  }
  return removeUnreachable(watched, repository, digest, ofManifest, preconditions)
}

async function told(repository: string): Promise<Told[]> {
  const { results } = await db
    .prepare(`SELECT event FROM events WHERE repository = ?1 AND action = 'delete' ORDER BY seq`)
    .bind(repository)
    .all<{ event: string }>()
  return results.map(({ event }) => JSON.parse(event))
}

async function digestsIn(repository: string): Promise<string[]> {
  const { results } = await db
    .prepare(
      `SELECT digest FROM manifests JOIN repositories ON repositories.id = repository_id
      WHERE name = ?1 ORDER BY digest`,
    )
    .bind(repository)
    .all<{ digest: string }>()
  return results.map(({ digest }) => digest)
}

/** The database, in which `before` comes between the look and the transaction: at each of its tries, or at the first alone. */
function between(before: () => Promise<unknown>, tries = 1): Database {
  let left = tries
  return new Proxy(db, {
    get(target, name) {
      if (name !== 'batch') return Reflect.get(target, name).bind(target)
      return async (statements: D1PreparedStatement[]) => {
        if (left > 0) await before()
        left -= 1
        return target.batch(statements)
      }
    },
  })
}

describe('a manifest that no tag reaches', () => {
  it('is deleted with all indexes that lead to it, each with its event, and nothing else', async () => {
    const repository = 'unreachable/whole'
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    const child = await storedManifest(repository, { tags: ['own'] })
    const sibling = await storedManifest(repository)
    const inner = await storedManifest(repository, { children: [child, sibling] })
    const outer = await storedManifest(repository, {
      children: [inner],
      content: { storageKey },
    })
    const direct = await storedManifest(repository, { children: [child] })
    const other = await storedManifest(repository, { children: [sibling], tags: ['other'] })
    await storedManifest('unreachable/elsewhere', { children: [], digest: child.digest })
    const event = anyEvent()

    expect(await remove(repository, child, { event })).toBe('deleted')

    expect(await digestsIn(repository)).toEqual([sibling.digest, other.digest])
    expect(await digestsIn('unreachable/elsewhere')).toEqual([child.digest])
    expect(await buried()).toContain(storageKey)
    const events = await told(repository)
    const targets = events.map(({ id, target }) => [id, target])
    const above = [inner, outer, direct].map(({ digest }) => [
      `${event.id}/${digest}`,
      { repository, digest, kind: 'manifest' },
    ])
    expect(targets).toHaveLength(5)
    expect(targets).toEqual(
      expect.arrayContaining([
        [event.id, { repository, digest: child.digest, kind: 'manifest' }],
        [`${event.id}/own`, { repository, tag: 'own' }],
        ...above,
      ]),
    )
  })

  it('may also be one that nothing holds; a missing one is unknown', async () => {
    const repository = 'unreachable/alone'
    const alone = await storedManifest(repository)
    expect(await remove(repository, alone)).toBe('deleted')
    expect(await remove(repository, alone)).toBe('unknown')
    expect(await remove('unreachable/nowhere', alone)).toBe('unknown')
    expect(await told(repository)).toHaveLength(1)
  })

  it('stays if a precondition is not met', async () => {
    const repository = 'unreachable/conditional'
    const child = await storedManifest(repository)
    const index = await storedManifest(repository, { children: [child] })
    const preconditions = { ifMatch: [index.digest], ifNoneMatch: null }
    expect(await remove(repository, child, { preconditions })).toBe('precondition failed')
    expect(await digestsIn(repository)).toEqual([child.digest, index.digest])
    expect(await told(repository)).toEqual([])
    const met = { ifMatch: [child.digest], ifNoneMatch: null }
    expect(await remove(repository, child, { preconditions: met })).toBe('deleted')
  })

  it('is deleted with 999 indexes, and not with 1,000', async () => {
    const repository = 'unreachable/many'
    const child = await storedManifest(repository)
    const numbers = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)'
    await db.batch([
      db
        .prepare(
          `INSERT INTO manifests (repository_id, digest, media_type, size, payload, created_at, pushed_at)
          ${numbers} SELECT id, 'sha256:' || i, 'm', 2, '{}', 0, 0 FROM repositories, n WHERE name = ?1`,
        )
        .bind(repository, CASCADE_AT_MOST),
      db
        .prepare(
          `INSERT INTO manifest_children (repository_id, manifest_digest, child_digest)
          ${numbers} SELECT id, 'sha256:' || i, ?3 FROM repositories, n WHERE name = ?1`,
        )
        .bind(repository, CASCADE_AT_MOST, child.digest),
    ])
    expect(await remove(repository, child)).toBe('too many')
    expect(await digestsIn(repository)).toHaveLength(CASCADE_AT_MOST + 1)
    await db.prepare(`DELETE FROM manifests WHERE digest = 'sha256:1'`).run()
    expect(await remove(repository, child)).toBe('deleted')
    expect(await digestsIn(repository)).toEqual([])
    expect(await told(repository)).toHaveLength(CASCADE_AT_MOST)
  })
})

describe('a manifest that a tag reaches through an index', () => {
  it('stays, and so does every index, however far up the tag is', async () => {
    const repository = 'unreachable/reached'
    const child = await storedManifest(repository)
    const untagged = await storedManifest(repository, { children: [child] })
    const inner = await storedManifest(repository, { children: [child] })
    const outer = await storedManifest(repository, { children: [inner], tags: ['a', 'b'] })
    const reachedBy = [{ digest: outer.digest, tags: ['a', 'b'], tagged: true }]
    expect(await remove(repository, child)).toEqual({ reachedBy })
    const all = [child, untagged, inner, outer].map(({ digest }) => digest)
    expect(await digestsIn(repository)).toEqual(all)
    expect(await told(repository)).toEqual([])
  })

  it('stays if the tag came after the check', async () => {
    const repository = 'unreachable/late-tag'
    const child = await storedManifest(repository)
    const index = await storedManifest(repository, { children: [child] })
    const watched = between(() => putManifest(db, repository, putAgain(index, { tags: ['late'] })))
    const reachedBy = [{ digest: index.digest, tags: ['late'], tagged: true }]
    expect(await remove(repository, child, { watched })).toEqual({ reachedBy })
    expect(await digestsIn(repository)).toEqual([child.digest, index.digest])
    expect(await told(repository)).toEqual([])
  })
})

describe('an index that is pushed after the check', () => {
  it('is deleted too if no tag reaches it', async () => {
    const repository = 'unreachable/late-index'
    const child = await storedManifest(repository)
    const first = await storedManifest(repository, { children: [child] })
    const watched = between(() => storedManifest(repository, { children: [first] }))
    expect(await remove(repository, child, { watched })).toBe('deleted')
    expect(await digestsIn(repository)).toEqual([])
  })

  it('does not make the delete try forever', async () => {
    const repository = 'unreachable/busy'
    const child = await storedManifest(repository)
    const watched = between(() => storedManifest(repository, { children: [child] }), 10)
    expect(await remove(repository, child, { watched })).toBe('changing')
    expect(await digestsIn(repository)).toHaveLength(4)
    expect(await told(repository)).toEqual([])
  })
})
