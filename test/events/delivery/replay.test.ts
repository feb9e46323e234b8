/** Replay: dead letters are deliveries again, and on their way. */
import { beforeEach, expect, it } from 'vitest'
import { replay } from '../../../src/events/delivery/replay.ts'
import { sweepOutbox } from '../../../src/events/delivery/sweep-outbox.ts'
import {
  beginAnew,
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
  standing,
  Transport,
} from '../support.ts'

beforeEach(beginAnew)

const ALL = { endpoint: 'var:one', since: 0, limit: 100 }

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
  one.answer = OK
  return transport
}

it('a replay queues the deliveries, which are due at once', async () => {
  const transport = await dead(3)
  expect(await replay(ALL, transport.context)).toBe(3)
  expect(await transport.deliver(RETRIES)).toBe(3)
  expect(await standing('one')).toEqual({ delivered: 3 })
  expect(await replay(ALL, transport.context)).toBe(0)
  expect(transport.carried).toEqual([])
})

it('a replay leaves them to the sweep while the queue is unavailable', async () => {
  const transport = await dead(3)
  const { retries } = transport.context
  const away = Object.assign(Object.create(retries), {
    sendBatch: () => Promise.reject(new Error('the queue is away')),
  })
  expect(await replay(ALL, { ...transport.context, retries: away })).toBe(3)
  expect(await standing('one')).toEqual({ pending: 3 })
  expect(transport.carried).toEqual([])
  passTime(3 * MINUTE)
  await sweepOutbox(transport.context)
  await transport.deliver(RETRIES)
  expect(await standing('one')).toEqual({ delivered: 3 })
})
