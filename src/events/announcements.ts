/**
 * Events of changes on their way to the queue. An isolate has one batch under way at a time, and what is announced meanwhile goes with
 * the next: to send a batch of one takes as long as a small query. The outbox has all of them, so that the sweep sends again what is
 * lost here with the isolate or its queue.
 */
import { logError } from '../lib/log.ts'
import type { RegistryEvent } from './event.ts'
import { type EventMessage, eventIdOf, eventMessage, sendAll } from './messages.ts'

/** For so long one request sends what others announce: it may go on for 30 seconds after its answer. */
const SERVICE_MS = 5000

/** A batch that is still under way went with the request that sent it. */
const LOST_MS = 2 * SERVICE_MS

export class Announcements {
  readonly #queue: Pick<Queue<EventMessage>, 'sendBatch'>
  #waiting: EventMessage[] = []
  /** When the request began that sends for all; null while none does. */
  #servingSince: number | null = null

  constructor(queue: Pick<Queue<EventMessage>, 'sendBatch'>) {
    this.#queue = queue
  }

  /** Returns at once, and never throws. `keepAlive` lets the sending go on after the answer of the request that announces. */
  add(events: readonly RegistryEvent[], keepAlive: (work: Promise<void>) => void): void {
    this.#waiting.push(...events.map(eventMessage))
    const since = this.#servingSince
    if (since === null || Date.now() - since > LOST_MS) keepAlive(this.#serve())
  }

  /** Sends until nothing waits, or others have to go on: what waits then is sent, too. */
  async #serve(): Promise<void> {
    const since = Date.now()
    this.#servingSince = since
    while (this.#waiting.length > 0) {
      if (Date.now() - since > SERVICE_MS) this.#servingSince = null
      await this.#send(this.#waiting.splice(0))
      if (this.#servingSince !== since) return
    }
    this.#servingSince = null
  }

  async #send(messages: readonly EventMessage[]): Promise<void> {
    try {
      await sendAll(
        this.#queue,
        messages.map((body) => ({ body })),
      )
    } catch (error) {
      const ids = messages.map(eventIdOf)
      logError({ message: 'events were not queued', ids }, error)
    }
  }
}
