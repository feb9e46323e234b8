/** The sweep: what a queue lost is sent again, once in a while; what is old goes. */
import { beforeEach, describe, expect, it } from 'vitest'
import { sweepOutbox } from '../../../src/events/delivery/sweep-outbox.ts'
import { listDeadLetters, replayDeadLetters } from '../../../src/store/events/dead-letters.ts'
import { count } from '../../store/support.ts'
import {
  beginAnew,
  db,
  EVENTS,
  endpointFor,
  FAIL,
  HOUR,
  MINUTE,
  OK,
  passTime,
  RETRIES,
  receiver,
  recordedEvents,
  SECOND,
  standing,
  Transport,
  unsettled,
} from '../support.ts'

const DAY = 24 * HOUR

beforeEach(beginAnew)

function allEvents(): Promise<number> {
  return count('events')
}

describe('events whose messages are lost', () => {
  it('are sent again after half a minute, and then every two minutes', async () => {
    const one = receiver('one')
    const transport = new Transport([endpointFor(one)])
    const events = await recordedEvents(3)
    passTime(29 * SECOND)
    expect(await sweepOutbox(transport.context)).toMatchObject({ events: 0 })
    passTime(2 * SECOND)
    expect(await sweepOutbox(transport.context)).toMatchObject({ events: 3 })
    expect(transport.bodies(EVENTS)).toEqual(events.map((event) => ({ event })))
    transport.carried = []
    passTime(MINUTE)
    expect(await sweepOutbox(transport.context)).toMatchObject({ events: 0 })
    passTime(2 * MINUTE)
    await sweepOutbox(transport.context)
    await transport.deliver(EVENTS)
    expect(one.ids()).toEqual(events.map(({ id }) => id))
    passTime(HOUR)
    expect(await sweepOutbox(transport.context)).toEqual({ events: 0, deliveries: 0, forgotten: 0 })
  })

  it('do not count as sent while the queue is unavailable', async () => {
    const transport = new Transport([])
    await recordedEvents(3)
    passTime(MINUTE)
    const { sendBatch } = transport.context.events
    transport.context.events.sendBatch = () => Promise.reject(new Error('away'))
    await expect(sweepOutbox(transport.context)).rejects.toThrow('away')
    transport.context.events.sendBatch = sendBatch
    expect(await sweepOutbox(transport.context)).toMatchObject({ events: 3 })
  })

  it('are settled if they cannot be read, and not sent forever', async () => {
    const transport = new Transport([])
    await recordedEvents(1)
    await db.prepare(`UPDATE events SET event = '{"id":1}'`).run()
    passTime(MINUTE)
    await sweepOutbox(transport.context)
    await transport.deliver(EVENTS)
    expect(await unsettled()).toBe(0)
  })
})

describe('deliveries whose messages are lost', () => {
  it('are sent again when they are two minutes overdue, and then every two minutes', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)])
    transport.send(
      EVENTS,
      (await recordedEvents(10)).map((event) => ({ event })),
    )
    await transport.deliver(EVENTS)
    transport.carried = []
    one.answer = OK
    passTime(30 * SECOND)
    expect(await sweepOutbox(transport.context)).toMatchObject({ deliveries: 0 })
    passTime(2 * MINUTE)
    expect(await sweepOutbox(transport.context)).toMatchObject({ deliveries: 10 })
    expect(await sweepOutbox(transport.context)).toMatchObject({ deliveries: 0 })
    transport.carried = []
    passTime(2 * MINUTE)
    await sweepOutbox(transport.context)
    await transport.deliver(RETRIES)
    expect(await standing('one')).toEqual({ delivered: 10 })
  })
})

describe('old content of the outbox', () => {
  it('is removed, except unsettled events', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)], { webhookRetryMs: MINUTE })
    transport.send(
      EVENTS,
      (await recordedEvents(4)).map((event) => ({ event })),
    )
    await recordedEvents(1)
    await transport.run(HOUR)
    expect(await standing('one')).toEqual({ dead: 4 })
    passTime(7 * DAY - 2 * HOUR)
    expect(await sweepOutbox(transport.context)).toMatchObject({ forgotten: 0 })
    expect(await allEvents()).toBe(5)
    passTime(3 * HOUR)
    expect(await sweepOutbox(transport.context)).toMatchObject({ forgotten: 8 })
    expect(await allEvents()).toBe(1)
    expect(await unsettled()).toBe(1)
  })

  it('includes all but the last 100 deliveries of an endpoint', async () => {
    const one = receiver('one')
    const transport = new Transport([endpointFor(one)])
    for (const count of [100, 50]) {
      passTime(SECOND)
      transport.send(
        EVENTS,
        (await recordedEvents(count)).map((event) => ({ event })),
      )
      await transport.deliver(EVENTS)
    }
    await sweepOutbox(transport.context)
    // Those of one batch have one time, and go together: at least a hundred are left.
    expect(await standing('one')).toEqual({ delivered: 150 })
    passTime(SECOND)
    transport.send(
      EVENTS,
      (await recordedEvents(50)).map((event) => ({ event })),
    )
    await transport.deliver(EVENTS)
    await sweepOutbox(transport.context)
    expect(await standing('one')).toEqual({ delivered: 100 })
  })
})

describe('a dead letter', () => {
  async function dead(count: number) {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)], { webhookRetryMs: MINUTE })
    const events = await recordedEvents(count)
    transport.send(
      EVENTS,
      events.map((event) => ({ event })),
    )
    await transport.run(HOUR)
    expect(await standing('one')).toEqual({ dead: count })
    one.received.length = 0
    one.answer = OK
    return { one, transport, events }
  }

  it('is replayed, by itself, under the same id', async () => {
    const { one, transport } = await dead(3)
    const [letter] = await listDeadLetters(db, 'var:one', Number.MAX_SAFE_INTEGER, 10)
    const keys = await replayDeadLetters(
      db,
      { endpoint: 'var:one', id: letter?.id ?? 0 },
      Date.now(),
    )
    expect(keys).toEqual([{ endpoint: 'var:one', eventId: letter?.eventId }])
    transport.send(RETRIES, keys)
    await transport.run(HOUR)
    expect(one.ids()).toEqual([letter?.eventId])
    expect(await standing('one')).toEqual({ delivered: 1, dead: 2 })
  })

  it('is replayed with all of its endpoint since a time, once', async () => {
    const { one, transport, events } = await dead(5)
    const since = { endpoint: 'var:one', since: 0, limit: 100 }
    const later = { ...since, since: Date.now() + 1 }
    expect(await replayDeadLetters(db, later, Date.now())).toEqual([])
    expect(await replayDeadLetters(db, { ...since, endpoint: 'var:two' }, Date.now())).toEqual([])
    expect(await replayDeadLetters(db, { ...since, limit: 2 }, Date.now())).toHaveLength(2)
    expect(await replayDeadLetters(db, since, Date.now())).toHaveLength(3)
    expect(await replayDeadLetters(db, since, Date.now())).toEqual([])
    // Their messages are lost: the sweep makes others.
    passTime(3 * MINUTE)
    await sweepOutbox(transport.context)
    await transport.run(HOUR)
    expect(new Set(one.ids())).toEqual(new Set(events.map(({ id }) => id)))
    expect(await standing('one')).toEqual({ delivered: 5 })
  })

  it('of another endpoint is not replayed by its id', async () => {
    await dead(1)
    const [letter] = await listDeadLetters(db, 'var:one', Number.MAX_SAFE_INTEGER, 10)
    const other = { endpoint: 'var:two', id: letter?.id ?? 0 }
    expect(await replayDeadLetters(db, other, Date.now())).toEqual([])
  })
})
