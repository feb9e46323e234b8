/**
 * Sends events of changes to the queue. An isolate sends one batch at a time, and events that arrive during a send go in the next batch:
 * a send takes as long as a small query. The outbox has every event. If the isolate or the queue loses one, the sweep sends it again.
 */
import { logError } from '../../lib/log.ts'
import type { RegistryEvent } from '../model/event.ts'
import { type EventMessage, eventIdOf, eventMessage, sendAll } from '../model/messages.ts'

/** For how long one request sends the events of other requests. The runtime lets it run for 30 seconds after its response. */
const SERVICE_MS = 5000

/** After this time a send counts as lost: the runtime has ended its request. */
const LOST_MS = 2 * SERVICE_MS

export class Announcements {
  readonly #queue: Pick<Queue<EventMessage>, 'sendBatch'>
  #waiting: EventMessage[] = []
  /** When the request that now sends for all others started to send; null if none does. */
  #servingSince: number | null = null

  constructor(queue: Pick<Queue<EventMessage>, 'sendBatch'>) {
    this.#queue = queue
  }

  /** Returns at once and never throws. `keepAlive` lets the send continue after the response. */
  add(events: readonly RegistryEvent[], keepAlive: (work: Promise<void>) => void): void {
    this.#waiting.push(...events.map(eventMessage))
    const since = this.#servingSince
    if (since === null || Date.now() - since > LOST_MS) keepAlive(this.#serve())
  }

  /** Sends until no events wait. After SERVICE_MS it sends one more batch, and the next request takes over. */
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
