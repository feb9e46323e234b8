/** The app: all routes, each mounted at the name of its sub-app, and the middleware that all routes share. */
import type { Context } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { api } from './http/api/index.ts'
import { base } from './http/base.ts'
import { metrics } from './http/metrics.ts'
import {
  type AppEnv,
  type Bindings,
  clientAddress,
  factory,
  type Hooks,
} from './http/middleware/context.ts'
import { crossOrigin, refuseForeignPages } from './http/middleware/cross-origin.ts'
import { refuseForeignHosts } from './http/middleware/own-hosts.ts'
import { matchPath, type PathTarget, unknownEndpoint } from './http/middleware/path.ts'
import { limitRate } from './http/middleware/rate-limit.ts'
import { renderError } from './http/middleware/render-error.ts'
import { logRequest } from './http/middleware/request-log.ts'
import { readSettings, type Settings } from './http/middleware/settings.ts'
import { readUnread } from './http/middleware/unread-body.ts'
import { token } from './http/token.ts'
import { documents } from './http/ui/documents.ts'
import { asksForPage, missingPage } from './http/ui/pages.ts'
import { blobs } from './http/v2/blobs.ts'
import { catalog, tags } from './http/v2/lists.ts'
import { manifests } from './http/v2/manifests.ts'
import { referrers } from './http/v2/referrers.ts'
import { upload, uploads } from './http/v2/uploads.ts'
import { SettingError } from './lib/setting.ts'
import { RegistryError } from './oci/errors.ts'
import { parseRepositoryName } from './oci/name.ts'
import { CountedBlobStore } from './store/bytes/counted-blob-store.ts'
import { CountedDatabase } from './store/database/database.ts'

/** The hooks of a program that embeds the registry, for an environment. The same environment always gives the same hooks. */
type HooksOf = (env: Bindings) => Hooks

/** Creates the registry's app: for `berth/registry`, which embeds it, and for index.ts, which runs alone. */
export function createApp(hooksOf: HooksOf) {
  const targets = new WeakMap<Request, PathTarget>()

  /** Parsed once for each request, although both the router and the handlers need it. */
  const targetOf = (request: Request, env: Bindings): PathTarget => {
    const known = targets.get(request)
    if (known !== undefined) return known
    const { pathname } = new URL(request.url)
    const target = matchPath(pathname, settingsOf(env, hooksOf(env)).pathPrefix)
    targets.set(request, target)
    return target
  }

  /** Routes by the kind of path, not by the path itself: see path.ts. */
  const routeOf = (request: Request, options?: { env?: Bindings }): string => {
    try {
      return options?.env === undefined ? '/unknown' : targetOf(request, options.env).route
    } catch (error) {
      // The middleware reads the settings again, and the error is rendered there.
      if (error instanceof SettingError) return '/unknown'
      throw error
    }
  }

  const app = factory.createApp({ getPath: routeOf })
  app.onError((error, c) => refuse(c, error))
  // Returned, not thrown: methodNotAllowed ignores answers that come from an error.
  app.notFound((c) => {
    if (asksForPage(c)) return missingPage(c, null)
    c.header('Vary', 'Accept', { append: true })
    return refuse(c, unknownEndpoint())
  })
  app.use(logRequest)
  app.use(prepare(hooksOf, targetOf))
  addRoutes(app)
  return app
}

function settingsOf(env: Bindings, { prefix }: Hooks): Settings {
  const settings = readSettings(env)
  return prefix === null ? settings : { ...settings, pathPrefix: prefix }
}

/** Sets the headers of every answer, and the variables that handlers need. */
const prepare = (hooksOf: HooksOf, targetOf: (request: Request, env: Bindings) => PathTarget) =>
  factory.createMiddleware(async function prepare(c, next) {
    const requestId = crypto.randomUUID()
    c.set('requestId', requestId)
    c.header('Docker-Distribution-Api-Version', 'registry/2.0')
    c.header('X-Content-Type-Options', 'nosniff')
    c.header('X-Request-Id', requestId)

    const hooks = hooksOf(c.env)
    c.set('hooks', hooks)
    const settings = settingsOf(c.env, hooks)
    for (const [name, value] of settings.responseHeaders) c.header(name, value)
    const { route, repository, reference } = targetOf(c.req.raw, c.env)
    c.set('settings', settings)
    c.set('address', clientAddress(c))
    c.set('route', route)
    const usage = c.get('usage')
    c.set('db', new CountedDatabase(c.env.DB, usage))
    c.set('blobStore', new CountedBlobStore(hooks.blobs, usage))
    c.set('repository', repository === null ? '' : parseRepositoryName(repository))
    c.set('reference', reference)
    await next()
  })

async function refuse(c: Context<AppEnv>, error: unknown): Promise<Response> {
  await readUnread(c.req.raw)
  const rendered = renderError(error, { id: c.get('requestId'), method: c.req.method })
  return c.newResponse(rendered.body, rendered)
}

function addRoutes(app: ReturnType<typeof factory.createApp>): void {
  app.use(limitRate)
  app.use(refuseForeignHosts)
  app.use(crossOrigin)
  app.use(refuseForeignPages)
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        const headers = { Allow: methods.join(', ') }
        if (c.req.method === 'OPTIONS') return c.body(null, 200, headers)
        throw new RegistryError('UNSUPPORTED', { headers })
      },
    }),
  )

  app.route('/', base)
  app.route('/blobs', blobs)
  app.route('/uploads', uploads)
  app.route('/upload', upload)
  app.route('/manifests', manifests)
  app.route('/tags', tags)
  app.route('/catalog', catalog)
  app.route('/referrers', referrers)
  app.route('/token', token)
  app.route('/metrics', metrics)
  app.route('/docs', documents)
  app.route('/api/v1', api)
}
