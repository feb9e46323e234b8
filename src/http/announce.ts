/** Tells the queue of a change that was made. The answer does not wait for it, and a queue that is away fails no push. */
import type { Context } from 'hono'
import { type EventAction, type EventTarget, newEvent } from '../events/event.ts'
import { logError } from '../lib/log.ts'
import type { AppEnv } from './context.ts'

export function announce(
  c: Context<AppEnv>,
  action: EventAction,
  target: Omit<EventTarget, 'repository' | 'length'>,
): void {
  const { repository, requestId, caller, address } = c.var
  const length = target.size === undefined ? {} : { length: target.size }
  const event = newEvent(
    action,
    { ...target, ...length, repository },
    {
      id: requestId,
      addr: address,
      host: new URL(c.req.url).host,
      method: c.req.method,
      useragent: c.req.header('User-Agent') ?? '',
    },
    caller.subject,
  )
  c.executionCtx.waitUntil(
    c.env.EVENTS.send(event).catch((error: unknown) => {
      logError({ message: 'an event was not queued', event }, error)
    }),
  )
}
