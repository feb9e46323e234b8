/** Work that is done to its end once it was begun. */
import type { Context } from 'hono'
import type { AppEnv } from './context.ts'

/** The same work, done even when the client leaves in the middle: a handler alone would be cancelled between two awaits. */
export function settled<T>(c: Context<AppEnv>, work: Promise<T>): Promise<T> {
  c.executionCtx.waitUntil(work.catch(() => undefined))
  return work
}
