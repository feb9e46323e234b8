/** The Worker's own handlers: which consumer a queue has, and what the cron triggers do. */
import { createMessageBatch, createScheduledController } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { listDeadLetters } from '../../../src/store/events/dead-letters.ts'
import worker from '../../support/worker.ts'
import {
  anEvent,
  beginAnew,
  DEAD,
  db,
  EVENTS,
  endpointFor,
  FAIL,
  passTime,
  RETRIES,
  receiver,
  recordedEvents,
  standing,
  Transport,
} from '../support.ts'

beforeEach(beginAnew)

function bindingsWith(transport: Transport, ...names: string[]): Env {
  const webhooks = names.map((name) => endpointFor({ name }))
  const { events, retries } = transport.context
  return { ...env, EVENTS: events, RETRIES: retries, WEBHOOKS: JSON.stringify(webhooks) }
}

function batchOf(queue: string, body: unknown): MessageBatch {
  return createMessageBatch(queue, [{ id: 'm', timestamp: new Date(0), attempts: 1, body }])
}

describe('a batch', () => {
  it.each([EVENTS, 'another-events'])('of %s is fanned out', async (queue) => {
    const one = receiver('one')
    await worker.queue(batchOf(queue, { event: anEvent() }), bindingsWith(new Transport([]), 'one'))
    expect(one.received).toHaveLength(1)
  })

  it.each([RETRIES, 'another-retries'])('of %s is retried', async (queue) => {
    const one = receiver('one', FAIL)
    const transport = new Transport([])
    const bindings = bindingsWith(transport, 'one')
    const event = anEvent()
    await worker.queue(batchOf(EVENTS, { event }), bindings)
    expect(transport.bodies(RETRIES)).toEqual([{ endpoint: 'var:one', eventId: event.id }])
    passTime(60_000)
    await worker.queue(batchOf(queue, transport.bodies(RETRIES)[0]), bindings)
    expect(one.received).toHaveLength(2)
  })

  it.each([DEAD, 'another-events-dead'])('of %s becomes dead letters', async (queue) => {
    const one = receiver('one')
    await worker.queue(batchOf(queue, { event: anEvent() }), bindingsWith(new Transport([]), 'one'))
    expect(await listDeadLetters(db, 'var:one', 1e9, 10)).toHaveLength(1)
    expect(await standing('one')).toEqual({ dead: 1 })
    expect(one.received).toHaveLength(0)
  })
})

describe('the cron trigger', () => {
  it.each([
    ['* * * * *', 2],
    ['17 * * * *', 0],
  ])('%s sends %i events again', async (cron, sent) => {
    const transport = new Transport([])
    await recordedEvents(2)
    passTime(60_000)
    const controller = createScheduledController({ cron, scheduledTime: new Date() })
    await worker.scheduled(controller, bindingsWith(transport))
    expect(transport.bodies(EVENTS)).toHaveLength(sent)
  })
})
