/** What every handler has at hand: the bindings, the settings, and what the path says. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { HonoBase, type HonoOptions } from 'hono/hono-base'
import type { AuthContext } from '../../auth/login/auth-settings.ts'
import type { Caller } from '../../auth/login/caller.ts'
import type { LoginGuard } from '../../auth/login/login-guard.ts'
import type { EventContext } from '../../events/delivery/lanes.ts'
import type { EventMessage, RetryMessage } from '../../events/model/messages.ts'
import type { Usage } from '../../lib/usage.ts'
import type { Policy } from '../../registry/policy.ts'
import type { Grant } from '../../store/access/grants.ts'
import type { BlobStore } from '../../store/bytes/blob-store.ts'
import type { Database } from '../../store/database/database.ts'
import type { UploadSession } from '../../uploads/upload-session.ts'
import type { Route } from './path.ts'
import { RememberingRouter } from './remembering-router.ts'
import type { SettingVariables } from './setting-names.ts'
import { readSettings, type Settings } from './settings.ts'

/** What wrangler.toml binds to the Worker, and the operator's variables. */
export interface Env extends Bindings {
  BUCKET: R2Bucket
}

/** The same where a program that embeds the registry may have another blob store. */
export interface Bindings extends SettingVariables {
  BUCKET?: R2Bucket
  DB: D1Database
  UPLOADS: DurableObjectNamespace<UploadSession>
  LOGINS: DurableObjectNamespace<LoginGuard>
  EVENTS: Queue<EventMessage>
  RETRIES: Queue<RetryMessage>
  /** A data point for each request, where the operator bound a dataset. */
  ANALYTICS?: AnalyticsEngineDataset
  /** Limits the requests of one client address, where the operator configured it. */
  RATE_LIMIT?: RateLimit
}

/** Who sends a request, by the login of a program that embeds the registry. */
export interface EmbeddedCaller {
  /** In logs and events; not ''. */
  name: string
  grants: readonly Grant[]
}

/** What a program that embeds the registry fills in; see create-registry.ts. */
export interface Hooks {
  blobs: BlobStore
  /** Before `/v2/`; null where PUBLIC_URL says it. */
  prefix: string | null
  /** Instead of the registry's own login. */
  authenticate: ((request: Request) => Promise<EmbeddedCaller | null>) | null
  policy: Policy | null
}

export interface AppEnv {
  Bindings: Bindings
  /** Taken with `c.get`: `c.var` copies all of them at each use. */
  Variables: {
    settings: Settings
    hooks: Hooks
    /** What this request asks of the services behind it. */
    usage: Usage
    /** The bound D1 database; what is asked of it counts. */
    db: Database
    blobStore: BlobStore
    /** What the path names; see path.ts. */
    route: Route
    /** A valid repository name; '' on routes without one. */
    repository: string
    /** The path's last segment: a digest, a tag, an upload id; each route validates its own. */
    reference: string
    /** The upload that the path's id names, once the id was verified. */
    uploadName?: string
    /** Who sent the request, and what it may do; set by the guard. */
    caller: Caller
    /** The client's address; '' where the runtime does not tell. */
    address: string
    requestId: string
  }
}

/** Hono with the one router that methodNotAllowed needs, too: those that it chooses from by itself would be 2 KiB more to load. */
export const factory = {
  createApp: (options?: HonoOptions<AppEnv>) =>
    new HonoBase<AppEnv>({ ...options, router: new RememberingRouter() }),
  createMiddleware: createMiddleware<AppEnv>,
}

/**
 * The client's address: Cloudflare's word, or that of the operator's proxy, which has added what it sees as the last of the list.
 * What stands before that is whatever the client wrote.
 */
export function clientAddress(c: Context<AppEnv>): string {
  if (!c.get('settings').trustForwarded) return c.req.header('CF-Connecting-IP') ?? ''
  const list = c.req.header('X-Forwarded-For') ?? ''
  return list.slice(list.lastIndexOf(',') + 1).trim()
}

export function authContext(c: Context<AppEnv>): AuthContext {
  const settings = c.get('settings')
  const address = c.get('address')
  return { db: c.get('db'), logins: c.env.LOGINS, settings, address }
}

export function eventContext(env: Bindings): EventContext {
  const { DB: db, EVENTS: events, RETRIES: retries } = env
  return { db, events, retries, settings: readSettings(env), now: Date.now }
}
