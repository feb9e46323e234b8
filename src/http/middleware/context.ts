/** The context of every handler: the bindings, the settings, and the parts of the path. */
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
import type { StorageEnv } from '../../store/bytes/choose-blob-store.ts'
import type { Database } from '../../store/database/database.ts'
import type { UploadSession } from '../../uploads/upload-session.ts'
import type { Route } from './path.ts'
import { RememberingRouter } from './remembering-router.ts'
import type { SettingVariables } from './setting-names.ts'
import { readSettings, type Settings } from './settings.ts'

/** The bindings of wrangler.toml and the variables of the operator. */
export interface Env extends Bindings {
  BUCKET: R2Bucket
}

/** The bindings of a program that embeds the registry, which may have another blob store. */
export interface Bindings extends SettingVariables, StorageEnv {
  DB: D1Database
  UPLOADS: DurableObjectNamespace<UploadSession>
  LOGINS: DurableObjectNamespace<LoginGuard>
  EVENTS: Queue<EventMessage>
  RETRIES: Queue<RetryMessage>
  /** Receives a data point for each request, if the operator bound a dataset. */
  ANALYTICS?: AnalyticsEngineDataset
  /** Limits the requests of one client address, if the operator configured it. */
  RATE_LIMIT?: RateLimit
}

/** The sender of a request, according to the login of a program that embeds the registry. */
export interface EmbeddedCaller {
  /** The name in logs and events. It must not be empty. */
  name: string
  grants: readonly Grant[]
}

/** The options of a program that embeds the registry; see create-registry.ts. */
export interface Hooks {
  blobs: BlobStore
  /** The path before `/v2/`; null to take it from PUBLIC_URL. */
  prefix: string | null
  /** Replaces the registry's own login. */
  authenticate: ((request: Request) => Promise<EmbeddedCaller | null>) | null
  policy: Policy | null
}

export interface AppEnv {
  Bindings: Bindings
  /** Read with `c.get`: `c.var` copies all of them at each use. */
  Variables: {
    settings: Settings
    hooks: Hooks
    /** Counts the calls of this request to the services behind the registry. */
    usage: Usage
    /** The bound D1 database; it counts queries. */
    db: Database
    blobStore: BlobStore
    /** The route of the path; see path.ts. */
    route: Route
    /** A valid repository name; empty on routes without one. */
    repository: string
    /** The last segment of the path: a digest, a tag or an upload id. Each route validates its own. */
    reference: string
    /** The name of the upload in the path, after its id was verified. */
    uploadName?: string
    /** The sender of the request and its rights; set by the guard. */
    caller: Caller
    /** The client's address; empty if the runtime does not provide it. */
    address: string
    requestId: string
  }
}

/** Hono with the only router that methodNotAllowed needs. Hono's default, which chooses among several, adds 2 KiB. */
export const factory = {
  createApp: (options?: HonoOptions<AppEnv>) =>
    new HonoBase<AppEnv>({ ...options, router: new RememberingRouter() }),
  createMiddleware: createMiddleware<AppEnv>,
}

/**
 * The client's address, from Cloudflare, or from the operator's proxy, which appends the address that it sees to the list. The entries
 * before it are whatever the client wrote.
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
