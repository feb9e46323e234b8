/**
 * I4: all garbage is gone in the end, and nothing else. Each call of R2, or S3, and D1 that a change makes fails once, before and after its
 * effect, and the client sends the same request again where it was told to: there is one event and one value in the tag's history.
 * When the clock has moved on, the bucket has exactly what rows name.
 */
import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { markerKey } from '../../src/maintenance/epoch.ts'
import { sweepTombstones } from '../../src/maintenance/sweep.ts'
import { ORPHAN_GRACE_MS, sweepOrphans } from '../../src/maintenance/sweep-orphans.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { blobStoreOf } from '../../src/store/bytes/choose-blob-store.ts'
import { registryId } from '../../src/store/registry/registry.ts'
import { DAY_MS, HOUR_MS, TODAY } from '../maintenance/support.ts'
import { countBindings } from '../support/counting.ts'
import {
  bindings,
  imageManifest,
  type PushedBlob,
  pushBlob,
  pushImage,
  randomBytes,
  send,
} from '../support/registry.ts'
import { recordCalls, withFault } from './faults.ts'

const REPOSITORY = 'i4/app'
const store = blobStoreOf(env)

/** A request, and what is there when it was done once. */
interface Change {
  method: string
  path: string
  body?: Uint8Array<ArrayBuffer>
  status: number
  /** The event that tells of it, by what has to be in it. */
  event: { action: string; digest?: string; tag?: string }
  /** The tag that it changes, and the values that it has in the end. */
  history?: { tag: string; values: (string | null)[] }
  /** Where content is then, and which; null where none is. */
  content: { path: string; digest: string | null }
}

let config: PushedBlob
let tags = 0

beforeAll(async () => {
  config = await pushBlob(REPOSITORY, randomBytes(100))
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
})

afterAll(() => {
  vi.restoreAllMocks()
})

async function pushOfManifest(padding: number): Promise<Change> {
  const id = crypto.randomUUID()
  const annotations = { id, padding: 'x'.repeat(padding) }
  const body = imageManifest(config, [], { annotations })
  const digest = await digestOf(body)
  const tag = `pushed-${tags++}`
  const path = `/v2/${REPOSITORY}/manifests/${tag}`
  return {
    method: 'PUT',
    path,
    body,
    status: 201,
    event: { action: 'push', digest },
    history: { tag, values: [digest] },
    content: { path, digest },
  }
}

async function deletionOf(what: 'tag' | 'manifest', padding: number): Promise<Change> {
  const tag = `deleted-${tags++}`
  const annotations = { padding: 'x'.repeat(padding) }
  const { digest } = await pushImage(REPOSITORY, tag, { annotations })
  const path = `/v2/${REPOSITORY}/manifests/${what === 'tag' ? tag : digest}`
  return {
    method: 'DELETE',
    path,
    status: 202,
    event: what === 'tag' ? { action: 'delete', tag } : { action: 'delete', digest },
    history: { tag, values: [digest, null] },
    content: { path, digest: null },
  }
}

const CHANGES: Record<string, () => Promise<Change>> = {
  'push a blob with POST': async () => {
    const body = randomBytes(500)
    const digest = await digestOf(body)
    return {
      method: 'POST',
      path: `/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`,
      body,
      status: 201,
      event: { action: 'push', digest },
      content: { path: `/v2/${REPOSITORY}/blobs/${digest}`, digest },
    }
  },
  'push a manifest': () => pushOfManifest(0),
  'push a manifest of more than 64 KiB': () => pushOfManifest(70_000),
  'mount a blob': async () => {
    const { digest } = await pushBlob(REPOSITORY, randomBytes(500))
    return {
      method: 'POST',
      path: `/v2/i4/target/blobs/uploads/?mount=${digest}&from=${REPOSITORY}`,
      status: 201,
      event: { action: 'mount', digest },
      content: { path: `/v2/i4/target/blobs/${digest}`, digest },
    }
  },
  'delete a blob': async () => {
    const { digest } = await pushBlob(REPOSITORY, randomBytes(500))
    const path = `/v2/${REPOSITORY}/blobs/${digest}`
    return {
      method: 'DELETE',
      path,
      status: 202,
      event: { action: 'delete', digest },
      content: { path, digest: null },
    }
  },
  'delete a manifest': () => deletionOf('manifest', 0),
  'delete a manifest of more than 64 KiB': () => deletionOf('manifest', 70_000),
  'delete a tag': () => deletionOf('tag', 0),
}

/** Sent to an isolate that remembers nothing of the database, so that what it reads once is read, too. */
function attempt({ method, path, body }: Change): Promise<Response> {
  const headers = { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' }
  const init = body === undefined ? {} : { body, ...(method === 'PUT' ? { headers } : {}) }
  const length = body === undefined ? {} : { 'Content-Length': String(body.length) }
  const all = method === 'POST' ? { ...init, headers: length } : init
  return send(method, path, all, { ...bindings, DB: countBindings(env).DB })
}

async function events({ event: { action, digest, tag } }: Change): Promise<number> {
  const row = await env.DB.prepare(
    `SELECT count(*) AS n FROM events WHERE action = ?1
      AND (?2 IS NULL OR event ->> '$.target.digest' = ?2)
      AND (?3 IS NULL OR event ->> '$.target.tag' = ?3)`,
  )
    .bind(action, digest ?? null, tag ?? null)
    .first<{ n: number }>()
  return row?.n ?? 0
}

async function history(tag: string): Promise<(string | null)[]> {
  const { results } = await env.DB.prepare(
    'SELECT digest FROM tag_history WHERE name = ?1 ORDER BY id',
  )
    .bind(tag)
    .all<{ digest: string | null }>()
  return results.map(({ digest }) => digest)
}

async function contentAt(path: string): Promise<string | null> {
  const response = await send('GET', path)
  const bytes = new Uint8Array(await response.arrayBuffer())
  return response.status === 200 ? digestOf(bytes) : null
}

async function expectDoneOnce(change: Change): Promise<void> {
  expect(await events(change)).toBe(1)
  if (change.history !== undefined) {
    expect(await history(change.history.tag)).toEqual(change.history.values)
  }
  expect(await contentAt(change.content.path)).toBe(change.content.digest)
}

describe.each(Object.entries(CHANGES))('%s', (_, prepare) => {
  it('is done once, whichever call fails and when', async () => {
    const model = await prepare()
    const calls = await recordCalls(async () => {
      expect((await attempt(model)).status).toBe(model.status)
    })
    await expectDoneOnce(model)
    for (let call = 1; call <= calls.length; call++) {
      for (const when of ['before', 'after'] as const) {
        const change = await prepare()
        const first = await withFault({ call, when, passing: true }, () => attempt(change))
        if (first.status !== change.status) {
          expect(first.status, `${calls[call - 1]} failed ${when} its effect`).toBe(503)
          expect((await attempt(change)).status).toBe(change.status)
        }
        await expectDoneOnce(change)
      }
    }
  })
})

interface Kept {
  named: string[]
  waiting: string[]
}

async function kept(): Promise<Kept> {
  const keys = async (sql: string) => {
    const { results } = await env.DB.prepare(sql).all<{ storage_key: string }>()
    return results.map((row) => row.storage_key)
  }
  return {
    named: await keys(
      `SELECT storage_key FROM blobs
       UNION ALL SELECT storage_key FROM manifests WHERE storage_key IS NOT NULL`,
    ),
    waiting: await keys('SELECT storage_key FROM tombstones WHERE removed_at IS NULL'),
  }
}

/** What is in the bucket, but for the marker of the sweep. */
async function stored(): Promise<string[]> {
  const id = await registryId(env.DB)
  const marker = markerKey(id)
  const { objects, more } = await store.list(`${id}/`, '')
  expect(more).toBe(false)
  return objects.map(({ key }) => key).filter((key) => key !== marker)
}

it('only objects that rows name are left: all others are buried, and then removed', async () => {
  const orphans = [`${await registryId(env.DB)}/blobs/${today()}/${crypto.randomUUID()}`]
  const bytes = randomBytes(10)
  for (const key of orphans) await store.write(key, bytes, await digestOf(bytes))
  const before = await stored()
  const looked = TODAY + 3 * DAY_MS + HOUR_MS
  for (let sweeps = 0; sweeps < 2; sweeps++) await sweepOrphans(env.DB, store, looked)
  const { named, waiting } = await kept()
  expect(await stored()).toEqual(before)
  // A tombstone may be of bytes that were never written.
  const garbage = before.filter((key) => !named.includes(key))
  expect(garbage.filter((key) => !waiting.includes(key))).toEqual([])
  expect(garbage).toEqual(expect.arrayContaining(orphans))
  for (let sweeps = 0; sweeps < 2; sweeps++) {
    await sweepTombstones(env.DB, store, looked + ORPHAN_GRACE_MS)
  }
  expect((await stored()).toSorted()).toEqual(named.toSorted())
  expect((await kept()).waiting).toEqual([])
})

function today(): string {
  return new Date(TODAY).toISOString().slice(0, 10)
}
