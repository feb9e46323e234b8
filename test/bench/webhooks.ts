/**
 * `npm run bench:webhooks`: what a hanging endpoint costs the others. Two endpoints take events of a steady stream of changes, with
 * and without a third that never answers, in turns; the time of a delivery is from its event to its arrival.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startLocal } from '../../src/cli/local.ts'
import { BEHAVIOURS, startReceiver } from '../node/receiver.ts'
import { newBytes } from '../node/support.ts'
import { median } from './stats.ts'

const ROUNDS = 3
const CHANGES = 150
const PAUSE_MS = 100
const BAR = 1.5

/** Milliseconds from an event to its arrival at the endpoints that answer, a value for each delivery. */
async function deliveryTimes(withHanging: boolean): Promise<number[]> {
  const times: number[] = []
  const receiver = await startReceiver((path) =>
    path === 'silent' ? BEHAVIOURS.silent : BEHAVIOURS.ok,
  )
  const names = withHanging ? ['silent', 'one', 'two'] : ['one', 'two']
  const endpoints = names.map((name) => ({ name, url: receiver.url(name) }))
  const state = await mkdtemp(join(tmpdir(), 'berth-bench-'))
  const vars = { WEBHOOKS: JSON.stringify(endpoints), LOG_REQUESTS: 'false' }
  const registry = await startLocal({ state, vars })
  try {
    let seen = 0
    const note = () => {
      for (const { body, path } of receiver.received.slice(seen)) {
        const [event] = JSON.parse(body).events
        if (path !== 'silent') times.push(Date.now() - Date.parse(event.timestamp))
      }
      seen = receiver.received.length
    }
    const noting = setInterval(note, 5)
    for (let change = 0; change < CHANGES; change++) {
      const { bytes, digest } = newBytes(50)
      const path = `/v2/bench/webhooks/blobs/uploads/?digest=${digest}`
      await fetch(new URL(path, registry.url), { method: 'POST', body: bytes })
      await wait(PAUSE_MS)
    }
    for (const end = Date.now() + 60_000; times.length < 2 * CHANGES && Date.now() < end; ) {
      await wait(100)
    }
    clearInterval(noting)
    if (times.length < 2 * CHANGES) throw new Error(`${times.length} deliveries of ${2 * CHANGES}`)
    return times
  } finally {
    await registry.stop()
    await receiver.stop()
    await rm(state, { recursive: true, force: true })
  }
}

const alone: number[] = []
const beside: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  alone.push(median(await deliveryTimes(false)))
  beside.push(median(await deliveryTimes(true)))
}
const ratio = median(beside) / median(alone)
console.log(
  `median delivery time without a hanging endpoint: ${alone.map(Math.round).join(', ')} ms`,
)
console.log(
  `median delivery time beside a hanging endpoint:  ${beside.map(Math.round).join(', ')} ms`,
)
console.log(
  `ratio of the medians: ${ratio.toFixed(2)} (bar ${BAR}: ${ratio <= BAR ? 'met' : 'missed'})`,
)
