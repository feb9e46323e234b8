/** The slow lane: deliveries that failed, until they are delivered, or given up when their time is over. */
import { beforeEach, describe, expect, it } from 'vitest'
import { delayBoundSeconds } from '../../../src/events/delivery/retry-schedule.ts'
import { sweepOutbox } from '../../../src/events/delivery/sweep-outbox.ts'
import { type DeadLetter, listDeadLetters } from '../../../src/store/events/dead-letters.ts'
import { listDeliveries } from '../../../src/store/events/deliveries.ts'
import { withFault } from '../../invariants/faults.ts'
import { deliveryProblem } from '../../support/standard-webhooks.ts'
import {
  beginAnew,
  db,
  endpointFor,
  FAIL,
  failedFirst,
  HOUR,
  MINUTE,
  OK,
  passTime,
  RETRIES,
  type Received,
  type Receiver,
  receiver,
  SECOND,
  standing,
  Transport,
} from '../support.ts'

beforeEach(beginAnew)

function letters(name: string): Promise<DeadLetter[]> {
  return listDeadLetters(db, `var:${name}`, Number.MAX_SAFE_INTEGER, 1000)
}

/** Fails the first `times` deliveries of each event. */
function failing(times: number): (received: Received) => Response {
  const seen = new Map<string, number>()
  return ({ id }) => {
    const count = (seen.get(id) ?? 0) + 1
    seen.set(id, count)
    return new Response('', { status: count > times ? 200 : 503 })
  }
}

function waits({ received }: Receiver): number[] {
  return received.slice(1).map(({ at }, index) => (at - (received[index]?.at ?? 0)) / SECOND)
}

describe('a delivery that fails', () => {
  it('is tried again with the same id and a new signature, until it succeeds', async () => {
    const secret = `whsec_${btoa('x'.repeat(32))}`
    const one = receiver('one', failing(3))
    const transport = new Transport([endpointFor(one, { secret })])
    const [event] = await failedFirst(transport, 1)
    await transport.run(HOUR)
    expect(one.received.map(({ id }) => id)).toEqual(Array(4).fill(event?.id))
    expect(
      one.received.map(({ headers, body, at }) =>
        deliveryProblem(secret, headers, body, at / 1000),
      ),
    ).toEqual(Array(4).fill(null))
    const stamps = one.received.map(({ headers }) => headers.get('webhook-timestamp'))
    expect(new Set(stamps).size).toBe(4)
    const [delivery] = await listDeliveries(db, 'var:one', ['delivered'], 1)
    expect(delivery).toMatchObject({ attempts: 4, status: 200, error: null, event: null })
    expect(transport.carried).toEqual([])
  })

  it('waits longer each time, and is a dead letter after 24 hours', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one, { threshold: 1000 })])
    const [event] = await failedFirst(transport, 1)
    await transport.run(23.9 * HOUR)
    expect(await standing('one')).toEqual({ pending: 1 })
    await transport.run(4 * HOUR)
    expect(await standing('one')).toEqual({ dead: 1 })
    for (const [index, seconds] of waits(one).entries()) {
      expect(seconds).toBeGreaterThanOrEqual(1)
      expect(seconds).toBeLessThanOrEqual(delayBoundSeconds(index + 1) + 1)
    }
    const last = one.received.at(-1)?.at ?? 0
    expect(last - (one.received[0]?.at ?? 0)).toBeGreaterThanOrEqual(24 * HOUR)
    const [letter] = await letters('one')
    expect(letter).toMatchObject({
      endpoint: 'var:one',
      eventId: event?.id,
      error: 'the answer is 500',
      attempts: one.received.length,
      replayedAt: null,
    })
    expect(JSON.parse(letter?.event ?? '')).toEqual(event)
    expect(transport.carried).toEqual([])
  })

  it('becomes a dead letter if its event is not readable', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)])
    await failedFirst(transport, 1)
    await db.prepare(`UPDATE deliveries SET event = 'poison'`).run()
    await transport.run(HOUR)
    expect(one.received).toHaveLength(1)
    const reason = 'the event is not readable; before that: the answer is 500'
    expect(await letters('one')).toMatchObject([{ error: reason, event: 'poison' }])
  })

  it('scales its waits with the setting: a hundredth of the time has about as many attempts', async () => {
    const one = receiver('one', FAIL)
    const settings = { webhookRetryMs: 0.24 * HOUR }
    const transport = new Transport([endpointFor(one, { threshold: 1000 })], settings)
    await failedFirst(transport, 1)
    await transport.run(0.24 * HOUR + 40 * SECOND)
    expect(await standing('one')).toEqual({ dead: 1 })
    for (const [index, seconds] of waits(one).entries()) {
      expect(seconds).toBeLessThanOrEqual(Math.ceil((delayBoundSeconds(index + 1) + 1) / 100) + 1)
    }
    expect(one.received.length).toBeGreaterThan(20)
    expect(one.received.length).toBeLessThan(150)
  })
})

describe('the breaker', () => {
  it('pauses an endpoint after `threshold` failures, and tries it again after the backoff', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one, { threshold: 5, backoff: '10m' })])
    await failedFirst(transport, 50)
    await transport.run(12 * HOUR)
    expect(one.received.length).toBeGreaterThan(20)
    const closed = waits(one).slice(4)
    expect(Math.min(...closed)).toBeGreaterThanOrEqual(600)
    one.answer = OK
    await transport.run(12 * HOUR)
    expect(await standing('one')).toEqual({ delivered: 50 })
  })

  it('counts from zero after a success, and events use the fast lane again', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one, { threshold: 2, backoff: '10m' })])
    await failedFirst(transport, 1)
    one.answer = OK
    await transport.run(HOUR)
    const [next] = await failedFirst(transport, 1)
    expect(one.received.at(-1)?.id).toBe(next?.id)
    // Once more is not twice in a row.
    one.answer = FAIL
    const [failed] = await failedFirst(transport, 1)
    one.answer = OK
    await transport.run(MINUTE)
    expect(one.received.at(-1)?.id).toBe(failed?.id)
    expect(await standing('one')).toEqual({ delivered: 3 })
  })

  it('that stays closed is not written again', async () => {
    const one = receiver('one', failing(1))
    const transport = new Transport([endpointFor(one)])
    await failedFirst(transport, 1)
    await transport.run(HOUR)
    const states = async () => (await db.prepare('SELECT * FROM endpoint_states').all()).results
    const before = await states()
    expect(before).toMatchObject([{ endpoint: 'var:one', failures: 0 }])
    one.answer = OK
    await failedFirst(transport, 1)
    expect(await standing('one')).toEqual({ delivered: 2 })
    expect(await states()).toEqual(before)
  })

  it('does not touch other endpoints', async () => {
    const [bad, good] = [receiver('bad', FAIL), receiver('good')]
    const transport = new Transport([
      endpointFor(bad, { threshold: 1, backoff: '1h' }),
      endpointFor(good),
    ])
    const first = await failedFirst(transport, 5)
    const second = await failedFirst(transport, 5)
    expect(good.ids()).toEqual([...first, ...second].map(({ id }) => id))
    expect(bad.received).toHaveLength(1)
  })

  it('makes dead letters without an attempt if it is open when the time is over', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one, { threshold: 1, backoff: '1h' })])
    await failedFirst(transport, 200)
    await transport.run(27 * HOUR)
    expect(await letters('one')).toHaveLength(200)
    expect(one.received.length).toBeLessThan(30)
    expect(transport.carried).toEqual([])
  })
})

describe('a batch', () => {
  it('is tried in the order in which the deliveries began, whatever the order of its messages', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)])
    const ids: (string | undefined)[] = []
    for (const _ of [1, 2, 3]) {
      const [event] = await failedFirst(transport, 1)
      ids.push(event?.id)
      passTime(SECOND)
    }
    one.received.length = 0
    one.answer = OK
    passTime(MINUTE)
    transport.carried.reverse()
    expect(await transport.deliver(RETRIES)).toBe(3)
    expect(one.ids()).toEqual(ids)
  })
})

describe('a message', () => {
  it('that comes before its time is a duplicate, and is dropped', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one, { threshold: 1, backoff: '1h' })])
    const [event] = await failedFirst(transport, 1)
    transport.send(RETRIES, [{ endpoint: 'var:one', eventId: event?.id }])
    await transport.deliver(RETRIES)
    expect(one.received).toHaveLength(1)
    expect(transport.bodies(RETRIES)).toHaveLength(1)
  })

  it('that comes twice at a time makes one attempt', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)])
    const [event] = await failedFirst(transport, 1)
    passTime(MINUTE)
    transport.send(RETRIES, [{ endpoint: 'var:one', eventId: event?.id }])
    await transport.deliver(RETRIES)
    expect(one.received).toHaveLength(2)
    expect(transport.bodies(RETRIES)).toHaveLength(1)
  })

  it('for a delivered or unknown delivery is dropped', async () => {
    const one = receiver('one', failing(1))
    const transport = new Transport([endpointFor(one)])
    const [event] = await failedFirst(transport, 1)
    await transport.run(MINUTE)
    const eventId = event?.id
    transport.send(RETRIES, [
      { endpoint: 'var:one', eventId },
      { endpoint: 'var:two', eventId },
      { endpoint: 'var:one', eventId: 'none' },
    ])
    await transport.deliver(RETRIES)
    expect(one.received).toHaveLength(2)
    expect(transport.carried).toEqual([])
  })

  it.each<[string, unknown]>([
    ['text', 'poison'],
    ['no endpoint', { eventId: 'e' }],
    ['null', null],
  ])('that is unreadable is dropped, and blocks no others: %s', async (_, body) => {
    const one = receiver('one', failing(1))
    const transport = new Transport([endpointFor(one)])
    await failedFirst(transport, 1)
    passTime(MINUTE)
    transport.send(RETRIES, [body])
    await transport.deliver(RETRIES)
    expect(await standing('one')).toEqual({ delivered: 1 })
    expect(transport.carried).toEqual([])
  })

  it.each(['before', 'after'] as const)(
    'comes back, under the same id, where D1 failed %s the write',
    async (when) => {
      const one = receiver('one', failing(1))
      const transport = new Transport([endpointFor(one)])
      const events = await failedFirst(transport, 3)
      passTime(MINUTE)
      await withFault({ operation: 'd1.batch', call: 2, when }, () => transport.deliver(RETRIES))
      expect(transport.bodies(RETRIES)).toHaveLength(3)
      await transport.run(HOUR)
      // Where it was written that one waits, its message came too early; the sweep makes another one.
      await sweepOutbox(transport.context)
      await transport.run(HOUR)
      expect(await standing('one')).toEqual({ delivered: 3 })
      expect(one.ids()).toEqual(events.map(({ id }) => id))
    },
  )
})

describe('a delivery whose endpoint changed', () => {
  it.each<[string, { disabled?: boolean } | null, string]>([
    ['is not there any more', null, 'the endpoint was removed'],
    ['is disabled', { disabled: true }, 'the endpoint is disabled'],
  ])('becomes a dead letter if the endpoint %s', async (_, extra, reason) => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)])
    await failedFirst(transport, 1)
    const later = new Transport(extra === null ? [] : [endpointFor(one, extra)])
    later.carried = transport.carried
    await later.run(HOUR)
    expect(one.received).toHaveLength(1)
    const [letter] = await letters('one')
    expect(letter?.error).toBe(`${reason}; before that: the answer is 500`)
  })

  it('is not sent to an address that the rules no longer allow', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)])
    await failedFirst(transport, 1)
    const stricter = new Transport([endpointFor(one)], { webhookHosts: ['other.example'] })
    stricter.carried = transport.carried
    await stricter.run(26 * HOUR)
    expect(one.received).toHaveLength(1)
    expect((await letters('one'))[0]?.error).toContain('not in the list of hosts')
  })
})
