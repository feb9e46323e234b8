/** I6: every acknowledged change has its event, delivered after any crash of the process; the local queue dies with it. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { BEHAVIOURS, startReceiver } from './receiver.ts'
import { eventually, kill, newBytes, temporaryFolder } from './support.ts'

const REPOSITORY = 'crash/events'
const ROUNDS = 4
const PUSHES = 300

/** Pushes blobs until the registry is gone or there are enough, and notes those that were acknowledged. */
async function push(registry: LocalRegistry, acknowledged: Set<string>, most: number) {
  while (acknowledged.size < most) {
    const { bytes, digest } = newBytes(50)
    const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`
    try {
      const response = await fetch(new URL(path, registry.url), { method: 'POST', body: bytes })
      if (response.status === 201) acknowledged.add(digest)
    } catch {
      return
    }
  }
}

it('events survive kill -9 at any moment', async () => {
  const receiver = await startReceiver(() => BEHAVIOURS.ok)
  const webhooks = [{ name: 'all', url: receiver.url('all') }]
  const vars = { WEBHOOKS: JSON.stringify(webhooks), LOG_REQUESTS: 'false' }
  const options = { state: temporaryFolder(), vars, sweepMs: 1000 }
  const acknowledged = new Set<string>()
  for (let round = 1; round <= ROUNDS; round++) {
    const registry = await startLocal(options)
    const most = (PUSHES / ROUNDS) * round
    const clients = [0, 1, 2].map(() => push(registry, acknowledged, PUSHES * 2))
    await eventually(() => acknowledged.size >= most, 'the pushes of a round', 60_000)
    await wait(Math.random() * 100)
    await kill(registry)
    await Promise.all(clients)
  }
  const delivered = () =>
    new Set(
      receiver.received.flatMap(({ body }): string[] =>
        JSON.parse(body).events.map(({ target }: { target: { digest: string } }) => target.digest),
      ),
    )
  const lostByTheQueue = acknowledged.difference(delivered()).size
  const registry = await startLocal(options)
  await eventually(
    () => acknowledged.isSubsetOf(delivered()),
    'every acknowledged push at the receiver',
    240_000,
  )
  await registry.stop()
  await receiver.stop()
  const ids = receiver.received.map(({ id }) => id)
  console.log(
    `${acknowledged.size} pushes, ${lostByTheQueue} events not delivered when the last crash came; ` +
      `${ids.length} deliveries of ${new Set(ids).size} events`,
  )
  expect(acknowledged.size).toBeGreaterThanOrEqual(PUSHES)
  // Without a crash in between nothing would be proved.
  expect(lostByTheQueue).toBeGreaterThan(0)
  // The same event comes under the same id, however often.
  const byDigest = Map.groupBy(
    receiver.received,
    ({ body }) => JSON.parse(body).events[0].target.digest,
  )
  for (const digest of acknowledged) {
    expect(new Set(byDigest.get(digest)?.map(({ id }) => id)).size).toBe(1)
  }
}, 400_000)
