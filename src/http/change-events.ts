/** The events of changes: made before a change, so that the outbox takes them in the same batch, and queued after it. */
import type { Context } from 'hono'
import {
  type EventAction,
  type EventTarget,
  newEvent,
  type RegistryEvent,
} from '../events/event.ts'
import { eventMessage, sendAll } from '../events/messages.ts'
import { logError } from '../lib/log.ts'
import type { AppEnv } from './context.ts'

/** The event of what this request is about to do, or did. */
export function eventOf(
  c: Context<AppEnv>,
  action: EventAction,
  target: Omit<EventTarget, 'repository' | 'length'>,
): RegistryEvent {
  const { repository, requestId, caller, address } = c.var
  const request = {
    id: requestId,
    addr: address,
    host: new URL(c.req.url).host,
    method: c.req.method,
    useragent: c.req.header('User-Agent') ?? '',
  }
  return newEvent(action, { ...target, repository }, request, caller.subject)
}

/** Hands events that the outbox has to the queue. The answer does not wait for it; what does not arrive, the sweep sends again. */
export function announce(c: Context<AppEnv>, events: readonly RegistryEvent[]): void {
  const messages = events.map((event) => ({ body: eventMessage(event) }))
  c.executionCtx.waitUntil(
    sendAll(c.env.EVENTS, messages).catch((error: unknown) => {
      logError({ message: 'events were not queued', ids: events.map(({ id }) => id) }, error)
    }),
  )
}
