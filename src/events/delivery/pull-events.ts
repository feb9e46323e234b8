/**
 * Pull events: there is no transaction that they could be written in, and a pull must neither wait for them nor fail by them. The
 * isolate collects them, if any endpoint wants them, and sends them together; what it has not sent when it ends is lost.
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

/** A request that promised to send may be ended before it does. */
const FORGOTTEN_MS = 5000

type WaitUntil = (work: Promise<unknown>) => void

/** What an isolate has collected, and knows of the endpoints' interest. It holds plain data: promises belong to one request. */
export class PullEvents {
  #collected: RegistryEvent[] = []
  #promisedAt = Number.NEGATIVE_INFINITY
  #interest: { known: PullInterest; readAt: number } | null = null
  #askedAt = Number.NEGATIVE_INFINITY

  /** Notes a pull; `make` is called only where an endpoint may want its event. Returns at once, and never throws. */
  note(
    kind: keyof PullInterest,
    make: () => RegistryEvent,
    context: EventContext,
    waitUntil: WaitUntil,
  ): void {
    try {
      this.#refresh(context, waitUntil)
      // Before the first answer it is not known whether anybody wants it; that is decided when it is sent.
      if (this.#interest?.known[kind] === false) return
      this.#collected.push(make())
      this.#promise(context, waitUntil)
    } catch (error) {
      logError({ message: 'a pull was not noted' }, error)
    }
  }

  /** Reads the interest in the background; the old one holds meanwhile. */
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

/** The isolate's. */
export const pullEvents = new PullEvents()
