/**
 * I6: no event is lost. Every call of D1 that a consumer or the sweep makes fails once, before and after its effect, and messages
 * vanish: every event is delivered all the same, always under its own id.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { sweepOutbox } from '../../src/events/delivery/sweep-outbox.ts'
import {
  beginAnew,
  EVENTS,
  endpointFor,
  HOUR,
  MINUTE,
  passTime,
  RETRIES,
  type Received,
  receiver,
  recordedEvents,
  standing,
  Transport,
  unsettled,
} from '../events/support.ts'
import { InjectedFault, recordCalls, withFault } from './faults.ts'

beforeEach(beginAnew)

/** A receiver that takes every event at once, and one that takes each the third time only. */
function receivers() {
  const seen = new Map<string, number>()
  const stubborn = ({ id }: Received) => {
    seen.set(id, (seen.get(id) ?? 0) + 1)
    return new Response(null, { status: (seen.get(id) ?? 0) < 3 ? 500 : 200 })
  }
  return [receiver('good'), receiver('stubborn', stubborn)]
}

/** The first minutes of events: both lanes and the sweep, each with something to do. */
async function work(transport: Transport): Promise<void> {
  await transport.deliver(EVENTS)
  passTime(3 * MINUTE)
  await transport.deliver(RETRIES)
  transport.carried = transport.carried.filter(({ queue }) => queue === EVENTS)
  passTime(10 * MINUTE)
  await sweepOutbox(transport.context).catch((error: unknown) => {
    if (!(error instanceof InjectedFault)) throw error
  })
}

async function begin() {
  const good = receivers()
  const transport = new Transport(good.map((one) => endpointFor(one)))
  const [told, ...lost] = await recordedEvents(4)
  transport.send(EVENTS, [{ event: told }])
  const ids = [told, ...lost].map((event) => event?.id)
  return { good, transport, ids }
}

/** Sweeps every minute until all is done. */
async function finish(transport: Transport): Promise<void> {
  for (let minute = 0; minute < 60; minute++) {
    await sweepOutbox(transport.context)
    await transport.run(MINUTE)
    const { pending = 0 } = await standing('stubborn')
    if ((await unsettled()) === 0 && pending === 0) return
  }
}

describe('an event', () => {
  it('is delivered although any one call of D1 fails', async () => {
    const { transport } = await begin()
    const calls = await recordCalls(() => work(transport))
    expect(calls.length).toBeGreaterThan(8)
    for (const when of ['before', 'after'] as const) {
      for (let call = 1; call <= calls.length; call++) {
        await beginAnew()
        const { good, transport, ids } = await begin()
        await withFault({ call, when }, () => work(transport))
        await finish(transport)
        for (const one of good) {
          expect(new Set(one.ids()), `${calls[call - 1]}, number ${call}, ${when}`).toEqual(
            new Set(ids),
          )
          expect(await standing(one.name)).toEqual({ delivered: 4 })
        }
      }
    }
  }, 120_000)

  it('is delivered although every message is lost three times', async () => {
    const { good, transport, ids } = await begin()
    for (let round = 0; round < 3; round++) {
      transport.carried = []
      passTime(6 * MINUTE)
      await sweepOutbox(transport.context)
      await transport.deliver(EVENTS)
    }
    await transport.run(HOUR)
    await finish(transport)
    for (const one of good) expect(new Set(one.ids())).toEqual(new Set(ids))
  })
})
