/** What a tag means, and how fresh that is: from the primary, from a replica (TAG_READS), held for seconds (TAG_HOLD_SECONDS). */
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { withFault } from '../../invariants/faults.ts'
import { countBindings, counted } from '../../support/counting.ts'
import {
  bindings,
  imageManifest,
  type PushedImage,
  pushImage,
  send,
} from '../../support/registry.ts'
import { asked, catchUp, nearReplica } from '../../support/replica.ts'

const REPOSITORY = 'tags/app'

const replicaReads: Env = { ...nearReplica, TAG_READS: 'replica' }
const holding: Env = { ...bindings, TAG_HOLD_SECONDS: '60' }
/** As another isolate sees it: what is held belongs to a database object. */
const holdingElsewhere: Env = { ...holding, DB: countBindings(env).DB }

let image: PushedImage
let made = 0

beforeAll(async () => {
  image = await pushImage(REPOSITORY, 'base')
  // Once a minute a pull asks, beside its answer, whether any endpoint wants to hear of pulls.
  await digestAt('base')
})

function request(
  method: string,
  path: string,
  environment: Env,
  init: RequestInit = {},
): Promise<Response> {
  return send(method, `/v2/${REPOSITORY}/${path}`, init, environment)
}

/** What a pull of the tag answers with; null for 404. */
async function digestAt(tag: string, environment: Env = bindings): Promise<string | null> {
  const response = await request('GET', `manifests/${tag}`, environment)
  if (response.status === 404) return null
  expect(response.status).toBe(200)
  return response.headers.get('Docker-Content-Digest')
}

/** Pushes a manifest that there was not under `tag`. */
async function move(tag: string, environment: Env = bindings): Promise<string> {
  made += 1
  const body = imageManifest(image.config, [image.layer], { annotations: { made: `${made}` } })
  expect((await request('PUT', `manifests/${tag}`, environment, { body })).status).toBe(201)
  return digestOf(body)
}

async function remove(reference: string, environment: Env): Promise<void> {
  expect((await request('DELETE', `manifests/${reference}`, environment)).status).toBe(202)
}

describe('a tag', () => {
  it('is read from the primary, although a replica is nearer', async () => {
    await move('fresh')
    await catchUp()
    const now = await move('fresh')
    const calls = await asked(async () => {
      expect(await digestAt('fresh', nearReplica)).toBe(now)
    })
    expect(calls).toEqual({ primary: 1, replica: 0 })
  })

  it('is not held', async () => {
    await move('free')
    for (const _ of [1, 2]) {
      const { d1 } = await counted(() => digestAt('free'))
      expect(d1).toBe(1)
    }
  })
})

describe('TAG_READS=replica', () => {
  it('answers what the replica has, even a previous manifest, with one query', async () => {
    const previous = await move('lagging')
    await catchUp()
    const now = await move('lagging')
    const calls = await asked(async () => {
      expect(await digestAt('lagging', replicaReads)).toBe(previous)
    })
    expect(calls).toEqual({ primary: 0, replica: 1 })
    await catchUp()
    expect(await digestAt('lagging', replicaReads)).toBe(now)
  })

  it('asks the primary for a tag that the replica lacks, before a 404', async () => {
    await catchUp()
    const now = await move('new')
    const found = await asked(async () => {
      expect(await digestAt('new', replicaReads)).toBe(now)
    })
    const absent = await asked(async () => {
      expect(await digestAt('never', replicaReads)).toBeNull()
    })
    expect([found, absent]).toEqual(Array(2).fill({ primary: 1, replica: 1 }))
  })

  it('does not bring back a tag that was deleted here', async () => {
    await move('deleted')
    await catchUp()
    await remove('deleted', replicaReads)
    expect(await digestAt('deleted', replicaReads)).toBeNull()
  })

  it('does not bring back a manifest that was deleted here by any of its tags', async () => {
    const digest = await move('with-manifest')
    await catchUp()
    await remove(digest, replicaReads)
    expect(await digestAt('with-manifest', replicaReads)).toBeNull()
  })

  it('still reads the list of tags from the primary', async () => {
    await move('listed')
    const calls = await asked(async () => {
      const response = await request('GET', 'tags/list', replicaReads)
      const { tags } = await response.json<{ tags: string[] }>()
      expect(tags).toContain('listed')
    })
    expect(calls).toEqual({ primary: 1, replica: 0 })
  })
})

describe('TAG_HOLD_SECONDS', () => {
  it('answers from held tags, without a query', async () => {
    const digest = await move('popular', holding)
    const pulls = async () => {
      expect(await digestAt('popular', holding)).toBe(digest)
      expect((await request('HEAD', 'manifests/popular', holding)).status).toBe(200)
    }
    expect((await counted(pulls)).d1).toBe(1)
    expect((await counted(pulls)).d1).toBe(0)
  })

  it('lets requests at the same time share one query', async () => {
    const digest = await move('herd', holding)
    const { d1 } = await counted(async () => {
      const pulls = Array.from({ length: 20 }, () => digestAt('herd', holding))
      expect(new Set(await Promise.all(pulls))).toEqual(new Set([digest]))
    })
    expect(d1).toBe(1)
  })

  it('delays changes from elsewhere for that time, and none from here', async () => {
    const first = await move('moved', holding)
    expect(await digestAt('moved', holding)).toBe(first)
    await move('moved', holdingElsewhere)
    expect(await digestAt('moved', holding)).toBe(first)
    const third = await move('moved', holding)
    expect(await digestAt('moved', holding)).toBe(third)
  })

  it('does not outlive a delete here, of the tag or of its manifest', async () => {
    await move('gone', holding)
    await digestAt('gone', holding)
    await remove('gone', holding)
    expect(await digestAt('gone', holding)).toBeNull()
    const digest = await move('gone', holding)
    await digestAt('gone', holding)
    await remove(digest, holding)
    expect(await digestAt('gone', holding)).toBeNull()
  })

  it('does not outlive a push or a delete here whose answer was lost', async () => {
    const lost = { call: 1, operation: 'd1.batch', when: 'after' } as const
    const first = await move('unsure', holding)
    expect(await digestAt('unsure', holding)).toBe(first)
    const body = imageManifest(image.config, [image.layer], { annotations: { made: 'lost' } })
    await withFault(lost, () => request('PUT', 'manifests/unsure', holding, { body }))
    expect(await digestAt('unsure', holding)).toBe(await digestOf(body))
    await withFault(lost, () => request('DELETE', 'manifests/unsure', holding))
    expect(await digestAt('unsure', holding)).toBeNull()
  })

  it('does not hold the absence of a tag', async () => {
    expect(await digestAt('awaited', holding)).toBeNull()
    const digest = await move('awaited', holdingElsewhere)
    expect(await digestAt('awaited', holding)).toBe(digest)
  })

  it('does not affect who may pull', async () => {
    const password = 'nobody holds this'
    const closed: Env = { ...holding, OPEN_ACCESS: 'false', ADMIN_PASSWORD: password }
    await move('private', holding)
    const headers = { Authorization: `Basic ${btoa(`admin:${password}`)}` }
    const { d1 } = await counted(async () => {
      for (const _ of [1, 2]) {
        const response = await request('GET', 'manifests/private', closed, { headers })
        expect(response.status).toBe(200)
      }
    })
    expect(d1).toBe(1)
    expect((await request('GET', 'manifests/private', closed)).status).toBe(401)
  })

  it('does nothing for a digest', async () => {
    const digest = await move('by-digest', holding)
    for (const _ of [1, 2]) {
      const { d1 } = await counted(() => digestAt(digest, holding))
      expect(d1).toBe(1)
    }
  })
})

describe('TAG_READS=replica with TAG_HOLD_SECONDS', () => {
  const both: Env = { ...replicaReads, TAG_HOLD_SECONDS: '60' }

  it('shows a push at once where it arrived, although the replica lags', async () => {
    const first = await move('both', both)
    await catchUp()
    expect(await digestAt('both', both)).toBe(first)
    const second = await move('both', both)
    expect(await digestAt('both', both)).toBe(second)
  })

  it('reads the replica again after it had time to catch up', async () => {
    const digest = await move('later', both)
    await catchUp()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
    try {
      const { replica } = await asked(async () => {
        expect(await digestAt('later', both)).toBe(digest)
      })
      expect(replica).toBe(1)
    } finally {
      vi.useRealTimers()
    }
  })
})
