/**
 * Pull events. No transaction can record them, and a pull must neither wait for them nor fail because of them. The isolate collects them,
 * if any endpoint wants them, and sends them in batches. Events that are not sent before the isolate ends are lost.
 */
import { logError } from '../../lib/log.ts'
import { BLOB_MEDIA_TYPE, type RegistryEvent } from '../model/event.ts'
import { sendAll, unrecordedMessage } from '../model/messages.ts'
import { type PullInterest, pullInterest } from '../webhooks/endpoint-filter.ts'
import { loadEndpoints } from '../webhooks/endpoints.ts'
import type { EventContext } from './lanes.ts'

const COLLECT_MS = 1000
const COLLECT_EVENTS = 100

const INTEREST_MS = 60_000

/** After this time a send or a read that a request promised counts as forgotten: the runtime may end a request early. */
const FORGOTTEN_MS = 5000

type WaitUntil = (work: Promise<unknown>) => void

/**
 * The events that an isolate has collected, and which pulls the endpoints want. It holds plain data, because promises belong to one
 * request.
 */
export class PullEvents {
  #collected: RegistryEvent[] = []
  #promisedAt = Number.NEGATIVE_INFINITY
  #interest: { known: PullInterest; readAt: number } | null = null
  #askedAt = Number.NEGATIVE_INFINITY

  /** Notes a pull. Calls `make` only if an endpoint may want the event. Returns at once and never throws. */
  note(
    kind: keyof PullInterest,
    make: () => RegistryEvent,
    context: EventContext,
    waitUntil: WaitUntil,
  ): void {
    try {
      this.#refresh(context, waitUntil)
      // Until the endpoints are read, all events are collected. The send then drops those that no endpoint wants.
      if (this.#interest?.known[kind] === false) return
      this.#collected.push(make())
      this.#promise(context, waitUntil)
    } catch (error) {
      logError({ message: 'a pull was not noted' }, error)
    }
  }

  /** Reads in the background which pulls the endpoints want. The previous answer stays in use meanwhile. */
  #refresh(context: EventContext, waitUntil: WaitUntil): void {
    const at = context.now()
    const isFresh = this.#interest !== null && at - this.#interest.readAt < INTEREST_MS
    if (isFresh || at - this.#askedAt < FORGOTTEN_MS) return
    this.#askedAt = at
    waitUntil(
      this.#readInterest(context).catch((error: unknown) => {
        logError({ message: 'the endpoints could not be read' }, error)
      }),
    )
  }

  async #readInterest(context: EventContext): Promise<PullInterest> {
    const { db, settings, now } = context
    const known = pullInterest(await loadEndpoints(db, settings, now()))
    this.#interest = { known, readAt: now() }
    return known
  }

  #promise(context: EventContext, waitUntil: WaitUntil): void {
    const at = context.now()
    if (this.#collected.length >= COLLECT_EVENTS) {
      waitUntil(this.#send(context, this.#take()))
    } else if (at - this.#promisedAt >= FORGOTTEN_MS) {
      this.#promisedAt = at
      waitUntil(this.#sendLater(context))
    }
  }

  async #sendLater(context: EventContext): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, COLLECT_MS))
    await this.#send(context, this.#take())
  }

  #take(): RegistryEvent[] {
    this.#promisedAt = Number.NEGATIVE_INFINITY
    return this.#collected.splice(0)
  }

  async #send(context: EventContext, events: readonly RegistryEvent[]): Promise<void> {
    try {
      const interest = this.#interest?.known ?? (await this.#readInterest(context))
      const wanted = events.filter(({ target }) =>
        target.mediaType === BLOB_MEDIA_TYPE ? interest.blobs : interest.manifests,
      )
      const bodies = wanted.flatMap((event) => unrecordedMessage(event) ?? [])
      await sendAll(
        context.events,
        bodies.map((body) => ({ body })),
      )
    } catch (error) {
      logError({ message: 'pulls were not queued', count: events.length }, error)
    }
  }
}

/** One instance for the isolate. */
export const pullEvents = new PullEvents()
