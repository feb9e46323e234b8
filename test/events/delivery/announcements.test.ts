/** Announcements: one batch under way at a time, what waits goes with the next, and whoever sends does not do so for ever. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Announcements } from '../../../src/events/delivery/announcements.ts'
import { type EventMessage, eventIdOf } from '../../../src/events/model/messages.ts'
import { anEvent } from '../support.ts'

/** A queue whose batches end when the test says so. */
class HeldQueue {
  readonly batches: string[][] = []
  readonly #ends: PromiseWithResolvers<void>[] = []

  async sendBatch(messages: Iterable<MessageSendRequest<EventMessage>>) {
    this.batches.push([...messages].map(({ body }) => eventIdOf(body)))
    const end = Promise.withResolvers<void>()
    this.#ends.push(end)
    await end.promise
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
  }

  /** Ends the batch that is under way, and lets its sender go on. */
  async end(error?: Error): Promise<void> {
    const end = this.#ends.shift()
    if (error === undefined) end?.resolve()
    else end?.reject(error)
    await scheduler.wait(0)
  }
}

function setUp() {
  const queue = new HeldQueue()
  const announcements = new Announcements(queue)
  const kept: Promise<void>[] = []
  const announce = (...ids: string[]) => {
    const events = ids.map((id) => ({ ...anEvent(), id }))
    announcements.add(events, (work) => kept.push(work))
  }
  return { queue, kept, announce }
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

function letPass(milliseconds: number): void {
  const now = Date.now()
  vi.spyOn(Date, 'now').mockReturnValue(now + milliseconds)
}

describe('announcements', () => {
  it('are sent at once if no send is running', async () => {
    const { queue, kept, announce } = setUp()
    announce('a', 'b')
    expect(queue.batches).toEqual([['a', 'b']])
    await queue.end()
    await kept[0]
    announce('c')
    expect(queue.batches).toEqual([['a', 'b'], ['c']])
    expect(kept).toHaveLength(2)
  })

  it('wait for the running send, and then go in one batch', async () => {
    const { queue, kept, announce } = setUp()
    announce('a')
    announce('b')
    announce('c')
    expect(queue.batches).toEqual([['a']])
    expect(kept).toHaveLength(1)
    await queue.end()
    expect(queue.batches).toEqual([['a'], ['b', 'c']])
    await queue.end()
    await kept[0]
  })

  it('that the queue refuses are left to the sweep, and the next ones are sent', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue()
    const { queue, kept, announce } = setUp()
    announce('a')
    announce('b')
    await queue.end(new Error('the queue is full'))
    expect(queue.batches).toEqual([['a'], ['b']])
    expect(String(log.mock.calls)).toContain('"ids":["a"]')
    await queue.end()
    await kept[0]
  })

  it('are sent by another request when one has sent for long, and none is left behind', async () => {
    const { queue, kept, announce } = setUp()
    announce('a')
    announce('b')
    letPass(5001)
    await queue.end()
    expect(queue.batches).toEqual([['a'], ['b']])
    announce('c')
    expect(queue.batches).toEqual([['a'], ['b'], ['c']])
    expect(kept).toHaveLength(2)
    await queue.end()
    await kept[0]
    announce('d')
    expect(queue.batches).toHaveLength(3)
    await queue.end()
    expect(queue.batches.at(-1)).toEqual(['d'])
  })

  it('continue after a request that was ended in the middle', async () => {
    const { queue, kept, announce } = setUp()
    announce('a')
    announce('b')
    letPass(10_001)
    announce('c')
    expect(kept).toHaveLength(2)
    expect(queue.batches).toEqual([['a'], ['b', 'c']])
  })
})
