/** The app: every route by the noun of its sub-app, and what all routes share. */
import type { Context } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { api } from './http/api/index.ts'
import { base } from './http/base.ts'
import { blobs } from './http/blobs.ts'
import { type AppEnv, clientAddress, type Env, factory } from './http/context.ts'
import { crossOrigin, refuseForeignPages } from './http/cross-origin.ts'
import { catalog, tags } from './http/lists.ts'
import { manifests } from './http/manifests.ts'
import { metrics } from './http/metrics.ts'
import { refuseForeignHosts } from './http/own-hosts.ts'
import { matchPath, type Target, unknownEndpoint } from './http/path.ts'
import { limitRate } from './http/rate-limit.ts'
import { referrers } from './http/referrers.ts'
import { renderError } from './http/render-error.ts'
import { logRequest } from './http/request-log.ts'
import { readSettings, SettingError } from './http/settings.ts'
import { token } from './http/token.ts'
import { readUnread } from './http/unread-body.ts'
import { upload, uploads } from './http/uploads.ts'
import { RegistryError } from './oci/errors.ts'
import { parseRepositoryName } from './oci/name.ts'
import { CountedBlobStore } from './store/counted-blob-store.ts'
import { CountedDatabase } from './store/database.ts'
import { R2BlobStore } from './store/r2-blob-store.ts'

const targets = new WeakMap<Request, Target>()

/** Read once for each request, though both the router and the handlers ask. */
function targetOf(request: Request, env: Env): Target {
  const known = targets.get(request)
  if (known !== undefined) return known
  const target = matchPath(new URL(request.url).pathname, readSettings(env).pathPrefix)
  targets.set(request, target)
  return target
}

/** Routing is by the noun of the path, not by the path itself: see path.ts. */
function routeOf(request: Request, options?: { env?: Env }): string {
  try {
    return options?.env === undefined ? '/unknown' : targetOf(request, options.env).route
  } catch (error) {
    // The middleware reads the settings again, and there the error is rendered.
    if (error instanceof SettingError) return '/unknown'
    throw error
  }
}

/** Names the answer, whatever it is, and puts what a handler needs within its reach. */
const prepare = factory.createMiddleware(async function prepare(c, next) {
  const requestId = crypto.randomUUID()
  c.set('requestId', requestId)
  c.header('Docker-Distribution-Api-Version', 'registry/2.0')
  c.header('X-Content-Type-Options', 'nosniff')
  c.header('X-Request-Id', requestId)

  const settings = readSettings(c.env)
  for (const [name, value] of settings.responseHeaders) c.header(name, value)
  const { route, repository, reference } = targetOf(c.req.raw, c.env)
  c.set('settings', settings)
  c.set('address', clientAddress(c))
  c.set('route', route)
  const usage = c.get('usage')
  c.set('db', new CountedDatabase(c.env.DB, usage))
  c.set('blobStore', new CountedBlobStore(new R2BlobStore(c.env.BUCKET), usage))
  c.set('repository', repository === null ? '' : parseRepositoryName(repository))
  c.set('reference', reference)
  await next()
})

export const app = factory.createApp({ getPath: routeOf })

async function refuse(c: Context<AppEnv>, error: unknown): Promise<Response> {
  await readUnread(c.req.raw)
  const rendered = renderError(error, { id: c.get('requestId'), method: c.req.method })
  return c.newResponse(rendered.body, rendered)
}

app.onError((error, c) => refuse(c, error))
// Answered, not thrown: methodNotAllowed passes over what came from an error.
app.notFound((c) => refuse(c, unknownEndpoint()))

app.use(logRequest)
app.use(prepare)
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
app.route('/api/v1', api)
