/**
 * The one reader of request paths, before anything else looks at them. It works on the raw path, because a router that decodes
 * would make `a%2Fb` the repository `a/b` after it was authorised as something else; and it splits from the end, because a
 * repository may be called `manifests`, and so may a tag.
 */
import { RegistryError } from '../../oci/errors.ts'

/** Canonical routes, which the app's sub-apps stand under. None of them can be written by a client. */
export type Route =
  | '/'
  | '/healthz'
  | '/readyz'
  | '/metrics'
  | '/version'
  | '/catalog'
  | '/blobs'
  | '/uploads'
  | '/upload'
  | '/manifests'
  | '/tags'
  | '/referrers'
  | '/token'
  | `/api/${string}`
  | '/unknown'

export interface Target {
  route: Route
  /** The repository's name as it stands in the path; null on routes without one. Not validated yet: it may be ''. */
  repository: string | null
  /** The last segment: a digest, a tag, an upload id. Not validated yet. */
  reference: string
}

const FIXED_ROUTES: ReadonlyMap<string, Route> = new Map([
  ['/', '/'],
  ['/healthz', '/healthz'],
  ['/readyz', '/readyz'],
  ['/metrics', '/metrics'],
  ['/token', '/token'],
  ['/v2', '/version'],
  ['/v2/', '/version'],
  ['/v2/_catalog', '/catalog'],
])

/** `pathname` is that of the WHATWG URL: dot segments are resolved, percent-encoding is not. `prefix` is '' or '/…'. */
export function matchPath(pathname: string, prefix: string): Target {
  const path =
    prefix !== '' && pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname
  if (prefix !== '' && path === pathname) return target('/unknown')
  const fixed = FIXED_ROUTES.get(path)
  if (fixed !== undefined) return target(fixed)
  if (isApiPath(path)) return target(path)
  return path.startsWith('/v2/') ? matchSegments(path.split('/').slice(2)) : target('/unknown')
}

/** What stands behind `/v2/`: a name, which may have several segments, and what is asked of it. */
function matchSegments(segments: readonly string[]): Target {
  const [third, second, last] = [segments.at(-3), segments.at(-2), segments.at(-1) ?? '']
  const nameBefore = (count: number) => segments.slice(0, -count).join('/')
  if (second === 'tags' && last === 'list') return target('/tags', nameBefore(2))
  if (second === 'manifests') return target('/manifests', nameBefore(2), last)
  if (second === 'referrers') return target('/referrers', nameBefore(2), last)
  if (third === 'blobs' && second === 'uploads') {
    return last === '' ? target('/uploads', nameBefore(3)) : target('/upload', nameBefore(3), last)
  }
  if (second === 'blobs') {
    return last === 'uploads'
      ? target('/uploads', nameBefore(2))
      : target('/blobs', nameBefore(2), last)
  }
  return target('/unknown')
}

/** The administration API's paths are canonical as they stand: they have no character that could be written in two ways. */
export function isApiPath(path: string): path is `/api/${string}` {
  return /^\/api\/v1(\/[A-Za-z0-9._~:-]+)+$/.test(path)
}

function target(route: Route, repository: string | null = null, reference = ''): Target {
  return { route, repository, reference: decodeColon(reference) }
}

/** A digest's colon is the one character that clients may escape; every other escape stays, and no grammar allows a `%`. */
function decodeColon(segment: string): string {
  return segment.replace(/%3a/i, ':')
}

/** What an unknown path is told: what is wrong with it, if it looks like an API call. */
export function unknownEndpoint(): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    status: 404,
    message: 'no such endpoint: the API is described in the OCI distribution spec, under /v2/',
  })
}
