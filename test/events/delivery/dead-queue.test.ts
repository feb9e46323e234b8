/** What the queues gave up becomes dead letters, with a reason, and is not lost. */
import { beforeEach, describe, expect, it } from 'vitest'
import { listDeadLetters } from '../../../src/store/events/dead-letters.ts'
import { withFault } from '../../invariants/faults.ts'
import {
  anEvent,
  beginAnew,
  DEAD,
  db,
  EVENTS,
  endpointFor,
  FAIL,
  HOUR,
  receiver,
  recordedEvents,
  standing,
  Transport,
  unsettled,
} from '../support.ts'

beforeEach(beginAnew)

async function errors(name: string): Promise<string[]> {
  const letters = await listDeadLetters(db, `var:${name}`, Number.MAX_SAFE_INTEGER, 100)
  return letters.map(({ error }) => error)
}

describe('the dead letter queue', () => {
  it('turns an event into a dead letter for each endpoint that wants it and has not received it', async () => {
    const names = ['one', 'two', 'pulls'].map((name) => receiver(name))
    const [one, two, pulls] = names
    if (one === undefined || two === undefined || pulls === undefined) throw new Error()
    const transport = new Transport([
      endpointFor(one),
      endpointFor(two),
      endpointFor(pulls, { actions: ['pull'] }),
    ])
    const [event] = await recordedEvents(1)
    transport.send(DEAD, [{ event }, { event }, { eventId: event?.id }])
    await transport.deliver(DEAD)
    expect(await errors('one')).toEqual(['the queue gave up the delivery before any attempt'])
    expect(await errors('two')).toHaveLength(1)
    expect(await errors('pulls')).toEqual([])
    expect(await unsettled()).toBe(0)
    expect(transport.carried).toEqual([])
  })

  it('turns a delivery into a dead letter with the last error', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one)])
    const [event] = await recordedEvents(1)
    transport.send(EVENTS, [{ event }])
    await transport.deliver(EVENTS)
    transport.carried = []
    const key = { endpoint: 'var:one', eventId: event?.id }
    transport.send(DEAD, [key, key])
    await transport.deliver(DEAD)
    expect(await errors('one')).toEqual(['the answer is 500'])
    expect(await standing('one')).toEqual({ dead: 1 })
  })

  it('receives what the retry queue gives up, and retries nothing of it', async () => {
    const one = receiver('one', FAIL)
    const transport = new Transport([endpointFor(one, { threshold: 1, backoff: '1h' })])
    const [event] = await recordedEvents(1)
    transport.send(EVENTS, [{ event }])
    await transport.deliver(EVENTS)
    for (const message of transport.carried) message.attempts = 101
    await transport.run(2 * HOUR)
    expect(await errors('one')).toEqual(['the answer is 500'])
    expect(transport.carried).toEqual([])
  })

  it('drops an unreadable message, which blocks no others', async () => {
    const one = receiver('one')
    const transport = new Transport([endpointFor(one)])
    transport.send(DEAD, ['poison', null, {}, { event: anEvent() }])
    await transport.deliver(DEAD)
    expect(await errors('one')).toHaveLength(1)
    expect(transport.carried).toEqual([])
  })

  it.each(['before', 'after'] as const)(
    'tries again where D1 failed %s the write',
    async (when) => {
      const one = receiver('one')
      const transport = new Transport([endpointFor(one)])
      const [event] = await recordedEvents(1)
      transport.send(DEAD, [{ event }])
      await withFault({ operation: 'd1.batch', call: 2, when }, () => transport.deliver(DEAD))
      expect(transport.carried).toHaveLength(1)
      await transport.run(HOUR)
      expect(await errors('one')).toHaveLength(1)
      expect(transport.carried).toEqual([])
    },
  )
})
