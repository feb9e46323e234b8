/** Pulls: collected if anybody wants them, sent together, and never in the way. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { PullEvents } from '../../../src/events/delivery/pull-events.ts'
import type { RegistryEvent } from '../../../src/events/model/event.ts'
import { recordCalls, withFault } from '../../invariants/faults.ts'
import { beginAnew, EVENTS, endpointFor, passTime } from '../support.ts'
import { blobPull, isolate, manifestPull, ONE } from './noted-pulls.ts'

beforeEach(beginAnew)

describe('pulls that an endpoint wants', () => {
  it('are sent after a second, together', async () => {
    const { note, done, transport, work } = isolate(endpointFor(ONE))
    const send = vi.spyOn(transport.context.events, 'sendBatch')
    const events = Array.from({ length: 10 }, manifestPull)
    for (const event of events) note(event)
    expect(transport.bodies(EVENTS)).toEqual([])
    // One reads the endpoints, one waits.
    expect(work).toHaveLength(2)
    expect(await done()).toEqual(events.map((event) => ({ event })))
    expect(send).toHaveBeenCalledTimes(1)
  })

  it('go on being sent', async () => {
    const { note, done } = isolate(endpointFor(ONE))
    note(manifestPull())
    await done()
    note(manifestPull())
    expect(await done()).toHaveLength(2)
  })

  it('are sent by a later request if the one that promised to was ended', async () => {
    const { note, transport } = isolate(endpointFor(ONE))
    const ended = vi.spyOn(globalThis, 'setTimeout').mockReturnValue(setTimeout(() => {}, 0))
    note(manifestPull())
    ended.mockRestore()
    passTime(4000)
    note(manifestPull())
    passTime(2000)
    note(manifestPull())
    await vi.waitFor(() => expect(transport.bodies(EVENTS)).toHaveLength(3), 3000)
  })
})

describe('pulls that nobody wants', () => {
  it.each<[string, RegistryEvent, Parameters<typeof endpointFor>[1]]>([
    ['blobs, unless an endpoint asks for them', blobPull(), {}],
    ['manifests where pulls are ignored', manifestPull(), { ignore: { actions: ['pull'] } }],
    ['manifests where the endpoint is disabled', manifestPull(), { disabled: true }],
  ])('are not sent, and after the first read not even made: %s', async (_, event, extra) => {
    const { note, done, made } = isolate(endpointFor(ONE, extra))
    note(event)
    expect(await done()).toEqual([])
    const before = made.count
    note(event)
    expect(await done()).toEqual([])
    expect(made.count).toBe(before)
  })

  it('that are of blobs are sent to an endpoint that asks for them', async () => {
    const { note, done } = isolate(endpointFor(ONE, { blobPulls: true }))
    note(blobPull())
    expect(await done()).toHaveLength(1)
  })
})

describe('the list of wanted pulls', () => {
  it('is read once a minute, in the background', async () => {
    const { note, done } = isolate(endpointFor(ONE))
    const calls = await recordCalls(async () => {
      for (let pull = 0; pull < 20; pull++) note(manifestPull())
      await done()
      passTime(50_000)
      for (let pull = 0; pull < 20; pull++) note(manifestPull())
      await done()
    })
    expect(calls).toEqual(['d1.batch'])
    passTime(61_000)
    const later = await recordCalls(async () => {
      note(manifestPull())
      await done()
    })
    expect(later).toEqual(['d1.batch'])
  })
})

describe('a pull', () => {
  it('does not fail if D1 fails', async () => {
    const { note, done } = isolate(endpointFor(ONE))
    const sent = await withFault({ call: 1, when: 'before' }, async () => {
      note(manifestPull())
      return done()
    })
    // Read again when it is sent.
    expect(sent).toHaveLength(1)
  })

  it('does not fail if the queue, or its own event, fails', async () => {
    const { note, done, transport } = isolate(endpointFor(ONE))
    transport.context.events.sendBatch = () => Promise.reject(new Error('away'))
    note(manifestPull())
    await done()
    const pulls = new PullEvents()
    const broken = () => {
      throw new Error('no event')
    }
    expect(() => pulls.note('manifests', broken, transport.context, () => undefined)).not.toThrow()
  })
})
