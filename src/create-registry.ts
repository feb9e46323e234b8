/**
 * The registry as a part of another Worker: `berth/registry`. It needs the bindings in this package's wrangler.toml, and the
 * migrations in its folder `migrations/`.
 */
import { createApp } from './app.ts'
import { LoginGuard } from './auth/login/login-guard.ts'
import { consumeEvents } from './events/delivery/consumer.ts'
import type { RegistryEvent } from './events/model/event.ts'
import {
  type Bindings,
  type EmbeddedCaller,
  eventContext,
  type Hooks,
} from './http/middleware/context.ts'
import { runJobsOf } from './maintenance/jobs.ts'
import type { PolicyRequest } from './registry/policy.ts'
import type { BlobStore } from './store/bytes/blob-store.ts'
import { blobStoreOf } from './store/bytes/choose-blob-store.ts'
import { UploadSession } from './uploads/upload-session.ts'

export interface RegistryOptions<Env extends Bindings = Bindings> {
  /** The path before `/v2/`, such as `/registry`. By default the path of PUBLIC_URL. */
  prefix?: string
  /** Where bytes are stored. By default what the bindings and variables say: see store/bytes/choose-blob-store.ts. */
  blobs?: (env: Env) => BlobStore
  /**
   * Authenticates a request instead of the registry's own accounts; the request has no body. Null means anonymous: the client is then
   * asked for a name and a password (Basic). The grants of `anonymous` in the database apply to all callers.
   */
  authenticate?: (request: Request, env: Env) => Promise<EmbeddedCaller | null>
  /** Refuses requests about a repository although the caller has the right: null to allow, otherwise the message for the client. */
  policy?: (request: PolicyRequest, env: Env) => Promise<string | null>
  /**
   * Called for each event before the webhooks get it: at least once, in any order. If it throws, it is called again, and the webhooks
   * wait.
   */
  onEvent?: (event: RegistryEvent, env: Env) => Promise<void>
}

/** The handlers of a Worker, and the classes of the Durable Objects that it binds as UPLOADS and LOGINS. */
export interface Registry<Env extends Bindings = Bindings> {
  fetch: (request: Request, env: Env, ctx: ExecutionContext) => Promise<Response>
  queue: (batch: MessageBatch, env: Env) => Promise<void>
  scheduled: (controller: ScheduledController, env: Env) => Promise<void>
  UploadSession: new (ctx: DurableObjectState, env: Env) => UploadSession
  LoginGuard: typeof LoginGuard
}

export function createRegistry<Env extends Bindings = Bindings>(
  options: RegistryOptions<Env> = {},
): Registry<Env> {
  const { prefix = null, blobs = blobStoreOf, authenticate, policy, onEvent } = options
  const known = new WeakMap<Bindings, Hooks>()
  const app = createApp((env) => {
    const hooks = known.get(env)
    if (hooks !== undefined) return hooks
    throw new Error('the app was called with an environment that createRegistry did not see')
  })
  const stores = new WeakMap<Bindings, BlobStore>()
  const storeOf = (env: Env): BlobStore => {
    const store = stores.get(env) ?? blobs(env)
    stores.set(env, store)
    return store
  }
  const remember = (env: Env) => {
    if (known.has(env)) return
    known.set(env, {
      // Late, so that the app renders the error of a store that is configured wrongly.
      get blobs() {
        return storeOf(env)
      },
      prefix,
      authenticate: authenticate === undefined ? null : (request) => authenticate(request, env),
      policy: policy === undefined ? null : (request) => policy(request, env),
    })
  }
  return {
    fetch: async (request, env, ctx) => {
      remember(env)
      return app.fetch(request, env, ctx)
    },
    queue: (batch, env) =>
      consumeEvents(batch, {
        ...eventContext(env),
        ...(onEvent === undefined ? {} : { onEvent: (event) => onEvent(event, env) }),
      }),
    scheduled: ({ cron, scheduledTime: now }, env) =>
      runJobsOf(cron, { db: env.DB, blobs: storeOf(env), events: eventContext(env), now }),
    UploadSession: class extends UploadSession {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env, storeOf(env))
      }
    },
    LoginGuard,
  }
}
