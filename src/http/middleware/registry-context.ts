/** Makes the RegistryContext of a request. */
import type { Context } from 'hono'
import type { RegistryContext } from '../../registry/context.ts'
import { EdgeCache } from '../../store/bytes/edge-cache.ts'
import { nearestDatabase } from '../../store/database/nearest.ts'
import { type AppEnv, eventContext } from './context.ts'
import { absoluteUrl } from './locations.ts'

export function registryContext(
  c: Context<AppEnv>,
  repository = c.get('repository'),
): RegistryContext {
  const db = c.get('db')
  const usage = c.get('usage')
  const blobs = c.get('blobStore')
  const keepAlive = keepAliveOf(c)
  const { subject, rights } = c.get('caller')
  return {
    repository,
    databases: {
      of: () => db,
      nearest: () => nearestDatabase(c.env.DB, usage),
      control: db,
    },
    blobs,
    cache: new EdgeCache(blobs, usage, keepAlive),
    events: eventContext(c.env),
    tagReading: c.get('settings'),
    policy: c.get('hooks').policy,
    clock: Date.now,
    by: {
      subject,
      actions: [...rights.on(repository)],
      requestId: c.get('requestId'),
      address: c.get('address'),
      host: new URL(c.req.url).host,
      method: c.req.method,
      userAgent: c.req.header('User-Agent') ?? '',
      baseUrl: absoluteUrl(c, ''),
    },
    keepAlive,
  }
}

/** Lets work continue after the answer. Its errors are ignored: the client was told of them, or nobody waits for the work. */
export function keepAliveOf(c: Context<AppEnv>): (work: Promise<unknown>) => void {
  return (work) => c.executionCtx.waitUntil(work.catch(() => undefined))
}
