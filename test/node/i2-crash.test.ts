/**
 * I2: a push answered 201 is readable at once, by any client and after any crash of the process. A client that goes on after the crash
 * ends with the right bytes and with one event. `npm run crashes -- 100` kills more often than this does by itself.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startLocal } from '../../src/cli/local.ts'
import {
  Acknowledged,
  PART_BYTES,
  pushUntilGone,
  REPOSITORY,
  ResumingClient,
} from './crash-clients.ts'
import { storedKeys } from './stored-state.ts'
import {
  beginUpload,
  digestOf,
  eventually,
  kill,
  newBytes,
  pulledDigest,
  sendAndLeave,
  temporaryFolder,
} from './support.ts'

const KILLS = Number(process.env.CRASH_KILLS ?? 10)
/** As long as a round may take on a busy machine. */
const ROUND_MS = 60_000
const IMAGE_CLIENTS = 3
const RESUMING_CLIENTS = 2
const QUIET = { LOG_REQUESTS: 'false' }

async function expectReadable(url: URL, { blobs, tags }: Acknowledged): Promise<void> {
  for (const digest of blobs) expect(await pulledDigest(url, REPOSITORY, digest)).toBe(digest)
  for (const [tag, digest] of tags) {
    const response = await fetch(new URL(`/v2/${REPOSITORY}/manifests/${tag}`, url))
    expect(digestOf(Buffer.from(await response.arrayBuffer()))).toBe(digest)
  }
}

type Pushed = Pick<Acknowledged, 'blobs' | 'tags'>

/** What was acknowledged in `all` and not yet in `before`. */
function since(all: Pushed, before: Pushed): Acknowledged {
  const added = new Acknowledged()
  for (const digest of all.blobs.difference(before.blobs)) added.blobs.add(digest)
  for (const [tag, digest] of all.tags) if (!before.tags.has(tag)) added.tags.set(tag, digest)
  return added
}

function copyOf({ blobs, tags }: Acknowledged): Acknowledged {
  return since({ blobs, tags }, new Acknowledged())
}

it(
  'content survives kill -9 at any moment',
  async () => {
    const state = temporaryFolder()
    const acknowledged = new Acknowledged()
    const resuming = Array.from(
      { length: RESUMING_CLIENTS },
      () => new ResumingClient(acknowledged),
    )
    let checked = new Acknowledged()
    for (let round = 0; round < KILLS; round++) {
      const registry = await startLocal({ state, vars: QUIET })
      // Before anybody pushes: beside pushes the local simulator reads objects of several parts very slowly.
      await expectReadable(registry.url, since(acknowledged, checked))
      checked = copyOf(acknowledged)
      const clients = Promise.all([
        ...Array.from({ length: IMAGE_CLIENTS }, (_, client) =>
          pushUntilGone(registry.url, `r${round}-c${client}`, acknowledged),
        ),
        ...resuming.map((client) => client.pushUntilGone(registry.url)),
      ])
      const enough = eventually(
        () => acknowledged.tags.size > checked.tags.size + 5,
        'some pushes',
        ROUND_MS,
      )
      // A client that finds something wrong ends the test at once.
      await Promise.race([enough, clients])
      await wait(Math.random() * 500)
      await kill(registry)
      await clients
    }
    const registry = await startLocal({ state, vars: QUIET })
    await expectReadable(registry.url, acknowledged)
    expect(acknowledged.blobs.size).toBeGreaterThan(KILLS * 10)
    const resumed = resuming.reduce((sum, client) => sum + client.resumed, 0)
    const forgotten = resuming.reduce((sum, client) => sum + client.forgotten, 0)
    // Without uploads that went on nothing would be proved of them.
    expect(resumed).toBeGreaterThan(KILLS / 2)

    await clientsThatLeave(registry.url, acknowledged)
    const events = await pushEvents(registry.url)
    const counts = [...acknowledged.blobs].map((digest) => [digest, events.get(digest) ?? 0])
    expect(counts.filter(([, count]) => count !== 1)).toEqual([])
    // Of what was not acknowledged, too: it was pushed, or not.
    const images = new Set(acknowledged.tags.values())
    const twice = [...events].filter(([digest, count]) => count > 1 && !images.has(digest))
    expect(twice).toEqual([])
    await registry.stop()

    const { stored, named, buried } = await storedKeys(state)
    expect([...named.difference(stored)]).toEqual([])
    const orphans = stored.difference(named).difference(buried)
    console.log(
      `${KILLS} kills: ${acknowledged.blobs.size} blobs, ${acknowledged.tags.size} images; ` +
        `${resumed} uploads went on after a crash, ${forgotten} were not known any more; ` +
        `${stored.size} objects, ${buried.size} of them buried, ${orphans.size} orphans`,
    )
    // A client leaves one at most where the registry dies under it.
    expect(orphans.size).toBeLessThanOrEqual(KILLS * (IMAGE_CLIENTS + RESUMING_CLIENTS))
  },
  KILLS * ROUND_MS + 120_000,
)

/** How many events of a push there are of each digest. */
async function pushEvents(url: URL): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let query = 'action=push'; ; ) {
    const response = await fetch(new URL(`/api/v1/events?${query}`, url))
    expect(response.status).toBe(200)
    const { events, next }: { events: { target: { digest: string } }[]; next: string } =
      await response.json()
    for (const { target } of events) {
      counts.set(target.digest, (counts.get(target.digest) ?? 0) + 1)
    }
    if (response.headers.get('Link') === null) return counts
    query = `action=push&since=${next}`
  }
}

/** A client that is gone with its last byte: what it sent took effect whole, or not at all and can be sent again. */
async function clientsThatLeave(url: URL, { blobs }: Acknowledged): Promise<void> {
  for (const patched of [0, 1000, PART_BYTES + 1000]) {
    for (const how of ['close', 'reset'] as const) {
      const blob = newBytes(PART_BYTES + 2000)
      let target = await beginUpload(url, REPOSITORY)
      if (patched > 0) {
        const body = blob.bytes.subarray(0, patched)
        const { headers } = await fetch(target, { method: 'PATCH', body })
        target = new URL(headers.get('Location') ?? '', url)
      }
      target.searchParams.set('digest', blob.digest)
      const wire = blob.bytes.subarray(patched)
      const headers = {
        'Content-Length': `${wire.length}`,
        'Content-Range': `${patched}-${blob.bytes.length - 1}`,
      }
      await sendAndLeave({ method: 'PUT', target, headers, wire }, how)
      expect(await closeUpload(target, blob.bytes, patched)).toBe(201)
      expect(await pulledDigest(url, REPOSITORY, blob.digest)).toBe(blob.digest)
      blobs.add(blob.digest)
    }
  }
}

/** Closes an upload of which the first `offset` bytes, or more, came: repeats the request from where the registry says. */
async function closeUpload(target: URL, bytes: Buffer<ArrayBuffer>, offset: number) {
  for (;;) {
    const headers = { 'Content-Range': `${offset}-${bytes.length - 1}` }
    const body = bytes.subarray(offset)
    const response = await fetch(
      target,
      body.length === 0 ? { method: 'PUT' } : { method: 'PUT', headers, body },
    )
    if (response.status === 503) {
      await wait(1000 * Number(response.headers.get('Retry-After')))
      continue
    }
    if (response.status !== 416) return response.status
    offset = Number(response.headers.get('Range')?.split('-')[1]) + 1
  }
}
