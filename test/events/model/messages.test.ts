/** What the queues carry: within their limits, and read with care. */
import { describe, expect, it } from 'vitest'
import {
  type EventMessage,
  eventIdOf,
  eventMessage,
  parseEventMessage,
  parseRetryMessage,
  queueDelay,
  sendAll,
  storedEvent,
  unrecordedMessage,
} from '../../../src/events/model/messages.ts'
import { anEvent, EVENTS, Transport } from '../support.ts'

const LARGE = 'ü'.repeat(65_000)

function withReferences(count: number) {
  const digest = `sha256:${'0'.repeat(64)}` as const
  const references = Array.from({ length: count }, () => ({ mediaType: 'm', size: 1, digest }))
  return anEvent({ references })
}

describe('an event', () => {
  it('is sent whole if it fits, else as its id', () => {
    const small = anEvent()
    const large = withReferences(2000)
    expect(eventMessage(small)).toEqual({ event: small })
    expect(eventMessage(large)).toEqual({ eventId: large.id })
    // Bytes count, not characters.
    const wide = anEvent({ url: LARGE })
    expect(eventMessage(wide)).toEqual({ eventId: wide.id })
  })

  it('that is not in the outbox is sent without its references if it is large, or not sent', () => {
    const large = withReferences(2000)
    const { references: _, ...target } = large.target
    expect(unrecordedMessage(large)).toEqual({
      event: { ...large, target: { ...target, truncated: true } },
    })
    expect(unrecordedMessage(anEvent({ url: LARGE }))).toBe(null)
  })

  it('is read again from its message and from its row', () => {
    const event = anEvent()
    expect(parseEventMessage({ event })).toEqual({ event })
    expect(parseEventMessage({ eventId: 'e' })).toEqual({ eventId: 'e' })
    expect(storedEvent(JSON.stringify(event))).toEqual(event)
    expect(eventIdOf({ event })).toBe(event.id)
    expect(eventIdOf({ eventId: 'e' })).toBe('e')
  })
})

describe('an invalid message', () => {
  it.each([
    [null],
    ['text'],
    [7],
    [[]],
    [{}],
    [{ event: {} }],
    [{ event: null, eventId: 'e' }],
    [{ eventId: 7 }],
  ])('%j is null', (body) => {
    expect(parseEventMessage(body)).toBe(null)
    expect(parseRetryMessage(body)).toBe(null)
  })

  it.each(['', '{', 'null', '{"id":"a"}'])('as the row %j is not an event', (json) => {
    expect(storedEvent(json)).toBe(null)
  })
})

describe('many messages', () => {
  async function batchesOf(messages: EventMessage[]): Promise<number[][]> {
    const batches: number[][] = []
    const { events } = new Transport([]).context
    events.sendBatch = async (sent) => {
      batches.push([...sent].map(({ body }) => JSON.stringify(body).length))
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
    }
    await sendAll(
      events,
      messages.map((body) => ({ body })),
    )
    return batches
  }

  it('are sent a hundred at once', async () => {
    const batches = await batchesOf(Array.from({ length: 250 }, () => ({ eventId: 'e' })))
    expect(batches.map(({ length }) => length)).toEqual([100, 100, 50])
  })

  it('are sent within the bytes of a batch', async () => {
    const messages = Array.from({ length: 20 }, () => eventMessage(withReferences(500)))
    const batches = await batchesOf(messages)
    expect(batches.flat()).toHaveLength(20)
    for (const sizes of batches) {
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(256_000)
      expect(sizes.length).toBeGreaterThan(1)
    }
  })

  it('make no batch if there are none', async () => {
    expect(await batchesOf([])).toEqual([])
    expect(new Transport([]).bodies(EVENTS)).toEqual([])
  })
})

it.each([
  [-1, 0],
  [0.2, 1],
  [60, 60],
  [1e9, 43_200],
])('a delay of %d seconds is %d for a queue', (seconds, delay) => {
  expect(queueDelay(seconds)).toBe(delay)
})
