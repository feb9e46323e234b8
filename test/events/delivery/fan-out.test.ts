/** The fast lane: first attempts at all endpoints beside each other, once where that is known, else again under the same id. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { RegistryEvent } from '../../../src/events/model/event.ts'
import { generateSecret, rotateSecret } from '../../../src/events/webhooks/signature.ts'
import { listDeliveries } from '../../../src/store/events/deliveries.ts'
import { createManagedWebhook } from '../../../src/store/events/manage-webhooks.ts'
import { recordEvent } from '../../../src/store/events/outbox.ts'
import { withFault } from '../../invariants/faults.ts'
import { deliveryProblem } from '../../support/standard-webhooks.ts'
import {
  anEvent,
  beginAnew,
  db,
  EVENTS,
  endpointFor,
  FAIL,
  HANG,
  HOUR,
  OK,
  passTime,
  RETRIES,
  receiver,
  recordedEvents,
  standing,
  Transport,
  unsettled,
} from '../support.ts'

const BY = { actor: 'a', address: '', requestId: 'r', at: 1 }

beforeEach(beginAnew)

function idsOf(events: readonly RegistryEvent[]): string[] {
  return events.map(({ id }) => id)
}

function messagesOf(events: readonly RegistryEvent[]) {
  return events.map((event) => ({ event }))
}

describe('a batch', () => {
  it('goes to every endpoint in the order of the events, and is settled', async () => {
    const [one, other] = [receiver('one'), receiver('other')]
    const transport = new Transport([endpointFor(one), endpointFor(other)])
    const events = await recordedEvents(20)
    transport.send(EVENTS, messagesOf(events).toReversed())
    await transport.deliver(EVENTS)
    expect(one.received.map(({ id }) => id)).toEqual(idsOf(events))
    expect(other.received.map(({ id }) => id)).toEqual(idsOf(events))
    expect(transport.carried).toEqual([])
    expect(await standing('one')).toEqual({ delivered: 20 })
    expect(await unsettled()).toBe(0)
  })

  it('records the details of each attempt', async () => {
    const one = receiver('one', () => new Response('took\u0000 it', { status: 202 }))
    const transport = new Transport([endpointFor(one)])
    const [event] = await recordedEvents(1)
    transport.send(EVENTS, [{ event }])
    await transport.deliver(EVENTS)
    const [delivery] = await listDeliveries(db, 'var:one', ['delivered'], 10)
    expect(delivery).toMatchObject({
      eventId: event?.id,
      action: 'push',
      repository: 'team/app',
      attempts: 1,
      status: 202,
      error: null,
      excerpt: 'took it',
      event: null,
      nextAt: null,
    })
  })

  it('is settled if nobody wants it', async () => {
    const transport = new Transport([])
    transport.send(EVENTS, messagesOf(await recordedEvents(3)))
    await transport.deliver(EVENTS)
    expect(await unsettled()).toBe(0)
  })

  it('goes only to the endpoints that want it', async () => {
    const all = receiver('all')
    const wanted: [string, Parameters<typeof endpointFor>[1]][] = [
      ['deletes', { actions: ['delete'] }],
      ['pushes', { ignore: { actions: ['delete', 'mount'] } }],
      ['team', { repositories: ['team/*'] }],
      ['other', { repositories: ['other/**'] }],
      ['indexes', { mediaTypes: ['application/vnd.oci.image.index.v1+json'] }],
      ['disabled', { disabled: true }],
    ]
    const each = wanted.map(([name, extra]) => ({ to: receiver(name), extra }))
    const transport = new Transport([
      endpointFor(all),
      ...each.map(({ to, extra }) => endpointFor(to, extra)),
    ])
    const events = [
      anEvent({ mediaType: 'application/vnd.oci.image.manifest.v1+json' }),
      anEvent({ mediaType: 'application/vnd.oci.image.index.v1+json', repository: 'other/a/b' }),
      anEvent({}, 'delete'),
    ]
    transport.send(EVENTS, messagesOf(events))
    await transport.deliver(EVENTS)
    const [manifest, index, deleted] = idsOf(events)
    expect(Object.fromEntries(each.map(({ to }) => [to.name, to.ids()]))).toEqual({
      deletes: [deleted],
      pushes: [manifest, index],
      team: [manifest, deleted],
      other: [index],
      indexes: [index, deleted],
      disabled: [],
    })
    expect(all.ids()).toEqual(idsOf(events))
  })

  it('carries an event that is too large for a message by its id', async () => {
    const one = receiver('one')
    const transport = new Transport([endpointFor(one)])
    const [event] = await recordedEvents(1)
    transport.send(EVENTS, [{ eventId: event?.id }, { eventId: 'no such event' }])
    await transport.deliver(EVENTS)
    expect(one.ids()).toEqual([event?.id])
    expect(transport.carried).toEqual([])
  })
})

describe('isolation', () => {
  it('protects an endpoint that works from one that hangs and one that fails', async () => {
    const good = receiver('good')
    const failing = receiver('failing', FAIL)
    const hanging = receiver('hanging', HANG)
    const begun = Date.now()
    const transport = new Transport([
      endpointFor(hanging, { timeout: '1s' }),
      endpointFor(failing),
      endpointFor(good),
    ])
    const first = await recordedEvents(30)
    transport.send(EVENTS, messagesOf(first))
    await transport.deliver(EVENTS)
    expect(good.ids()).toEqual(idsOf(first))
    expect(Math.max(...good.received.map(({ at }) => at))).toBeLessThan(begun + 900)
    // One attempt each; what is left waits in the slow lane.
    expect(failing.received).toHaveLength(1)
    expect(hanging.received).toHaveLength(1)
    expect(await standing('hanging')).toEqual({ pending: 30 })
    expect(transport.bodies(RETRIES)).toHaveLength(60)
    expect(await unsettled()).toBe(0)

    // The next batch does not even ask them.
    const again = Date.now()
    const second = await recordedEvents(30)
    transport.send(EVENTS, messagesOf(second))
    await transport.deliver(EVENTS)
    expect(good.ids()).toEqual(idsOf([...first, ...second]))
    expect(Date.now()).toBeLessThan(again + 900)
    expect(hanging.received).toHaveLength(1)
    expect(await standing('hanging')).toEqual({ pending: 60 })
  })

  it('serves at most five endpoints at the same time, and each with one delivery at a time', async () => {
    const busy = new Map<string, number>()
    let most = 0
    const names = Array.from({ length: 9 }, (_, index) => `r${index}`)
    const endpoints = names.map((name) =>
      receiver(name, async () => {
        busy.set(name, (busy.get(name) ?? 0) + 1)
        most = Math.max(
          most,
          [...busy.values()].reduce((sum, count) => sum + count, 0),
        )
        expect(busy.get(name)).toBe(1)
        await new Promise((resolve) => setTimeout(resolve, 5))
        busy.set(name, 0)
        return new Response()
      }),
    )
    const transport = new Transport(endpoints.map((one) => endpointFor(one, { timeout: '5s' })))
    transport.send(EVENTS, messagesOf(await recordedEvents(4)))
    await transport.deliver(EVENTS)
    expect(most).toBe(5)
    expect(endpoints.map(({ received }) => received.length)).toEqual(names.map(() => 4))
  })

  it('leaves the deliveries that a slow endpoint has no time for to the slow lane, where they are due at once', async () => {
    const slow = receiver('slow', () => {
      passTime(6000)
      return new Response()
    })
    const transport = new Transport([endpointFor(slow)])
    transport.send(EVENTS, messagesOf(await recordedEvents(5)))
    await transport.deliver(EVENTS)
    expect(await standing('slow')).toEqual({ delivered: 2, pending: 3 })
    slow.answer = OK
    expect(await transport.deliver(RETRIES)).toBe(3)
    expect(await standing('slow')).toEqual({ delivered: 5 })
  })
})

describe('a batch that comes twice', () => {
  it('is delivered once if the first run was recorded', async () => {
    const [good, bad] = [receiver('good'), receiver('bad', FAIL)]
    const transport = new Transport([endpointFor(good), endpointFor(bad)])
    const events = await recordedEvents(5)
    for (const _ of [1, 2]) {
      transport.send(EVENTS, messagesOf([...events, ...events]))
      await transport.deliver(EVENTS)
    }
    expect(good.received).toHaveLength(5)
    expect(bad.received).toHaveLength(1)
    expect(transport.bodies(RETRIES)).toHaveLength(5)
  })

  it('is delivered once even without the outbox, like pulls', async () => {
    const good = receiver('good')
    const transport = new Transport([endpointFor(good)])
    const events = [anEvent({}, 'pull')]
    for (const _ of [1, 2]) {
      transport.send(EVENTS, messagesOf(events))
      await transport.deliver(EVENTS)
    }
    expect(good.received).toHaveLength(1)
  })

  it('is not delivered again when its deliveries are forgotten', async () => {
    const good = receiver('good')
    const transport = new Transport([endpointFor(good)])
    const events = await recordedEvents(2)
    transport.send(EVENTS, messagesOf(events))
    await transport.deliver(EVENTS)
    await db.prepare('DELETE FROM deliveries').run()
    transport.send(EVENTS, messagesOf(events))
    await transport.deliver(EVENTS)
    expect(good.received).toHaveLength(2)
  })

  it.each(['before', 'after'] as const)(
    'is delivered with the same ids where the first run failed %s its write',
    async (when) => {
      const good = receiver('good')
      const transport = new Transport([endpointFor(good)])
      const events = await recordedEvents(5)
      transport.send(EVENTS, messagesOf(events))
      await withFault({ operation: 'd1.batch', call: 2, when }, () => transport.deliver(EVENTS))
      expect(good.received).toHaveLength(5)
      expect(transport.bodies(EVENTS)).toHaveLength(5)
      await transport.run(HOUR)
      // Where it was written, that is seen: the answer alone was lost.
      expect(good.received).toHaveLength(when === 'before' ? 10 : 5)
      expect(good.ids()).toEqual(idsOf(events))
      expect(await standing('good')).toEqual({ delivered: 5 })
    },
  )

  it('is not begun if D1 is unavailable, and comes back later each time', async () => {
    const good = receiver('good')
    const transport = new Transport([endpointFor(good)])
    transport.send(EVENTS, messagesOf(await recordedEvents(1)))
    await withFault({ operation: 'd1.batch', call: 1, when: 'before' }, () =>
      transport.deliver(EVENTS),
    )
    expect(good.received).toHaveLength(0)
    expect(transport.carried[0]?.dueAt).toBeGreaterThan(Date.now())
    await transport.run(HOUR)
    expect(good.received).toHaveLength(1)
  })
})

describe('an unreadable message', () => {
  it.each<[string, unknown]>([
    ['text', 'poison'],
    ['null', null],
    ['an event without an id', { event: { action: 'push', target: { repository: 'a' } } }],
    ['a message of an older version', anEvent()],
    ['an id that is none', { eventId: '' }],
  ])('is dropped, and blocks no others: %s', async (_, body) => {
    const good = receiver('good')
    const transport = new Transport([endpointFor(good)])
    const event = anEvent()
    transport.send(EVENTS, [body, { event }])
    await transport.deliver(EVENTS)
    expect(good.ids()).toEqual([event.id])
    expect(transport.carried).toEqual([])
  })

  it('with an event that cannot be serialized fails alone', async () => {
    const good = receiver('good')
    const transport = new Transport([endpointFor(good, { references: true })])
    const broken = { ...anEvent(), target: { repository: 'a', references: [null] } }
    transport.send(EVENTS, [{ event: broken }])
    await transport.deliver(EVENTS)
    expect(await standing('good')).toEqual({ pending: 1 })
    const event = anEvent()
    transport.send(EVENTS, [{ event }])
    await transport.run(26 * HOUR)
    expect(good.ids()).toEqual([event.id])
    expect(await standing('good')).toEqual({ delivered: 1, dead: 1 })
  })
})

/** Makes a webhook as the API does, but of anything. */
async function createWebhook(name: string, config: object, secrets: object | null): Promise<void> {
  const webhook = {
    name,
    config: JSON.stringify(config),
    secrets: JSON.stringify(secrets),
    disabled: false,
  }
  expect(await createManagedWebhook(db, BY, webhook, 100, {})).toEqual({ id: expect.any(String) })
}

it('an endpoint of the API signs with two secrets while one is replaced, then with one', async () => {
  const one = receiver('one')
  const [old, current] = [generateSecret(), generateSecret()]
  const secrets = rotateSecret({ current: old, previous: null }, current, Date.now(), HOUR)
  await createWebhook('one', { name: 'one', url: 'https://one.example/' }, secrets)
  const transport = new Transport([])
  transport.send(EVENTS, messagesOf(await recordedEvents(1)))
  await transport.deliver(EVENTS)
  passTime(HOUR)
  transport.send(EVENTS, messagesOf(await recordedEvents(1)))
  await transport.deliver(EVENTS)
  const problems = one.received.map(({ headers, body, at }) =>
    [current, old].map((secret) => deliveryProblem(secret, headers, body, at / 1000)),
  )
  expect(problems).toEqual([
    [null, null],
    [null, 'no signature fits'],
  ])
})

it('an invalid webhook is skipped, and the others get their events', async () => {
  const good = receiver('good')
  await createWebhook('bad', { url: 3 }, null)
  const transport = new Transport([endpointFor(good)])
  transport.send(EVENTS, messagesOf(await recordedEvents(1)))
  await transport.deliver(EVENTS)
  expect(good.received).toHaveLength(1)
})

it('a delivery that could not be queued for the slow lane stays pending', async () => {
  const bad = receiver('bad', FAIL)
  const transport = new Transport([endpointFor(bad)])
  transport.context.retries.sendBatch = () => Promise.reject(new Error('the queue is away'))
  const event = anEvent()
  await db.batch([recordEvent(db, event)])
  transport.send(EVENTS, [{ event }])
  await transport.deliver(EVENTS)
  expect(transport.carried).toEqual([])
  expect(await standing('bad')).toEqual({ pending: 1 })
})
