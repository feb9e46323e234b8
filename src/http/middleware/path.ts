/**
 * Parses request paths, before anything else reads them. It works on the raw path: a router that decodes would treat `a%2Fb` as the
 * repository `a/b` after another name was authorised. It splits from the end, because a repository may be named `manifests`, and so may a
 * tag.
 */
import { RegistryError } from '../../oci/errors.ts'

/** Canonical routes, under which the sub-apps are mounted. No client can write one of them as a path. */
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
  | '/docs'
  | `/api/${string}`
  | '/unknown'

export interface PathTarget {
  route: Route
  /** The repository's name as written in the path, not validated yet: it may be empty. Null on routes without one. */
  repository: string | null
  /** The last segment, not validated yet: a digest, a tag or an upload id. Of a document, everything after `/docs/`. */
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

/** `pathname` comes from the WHATWG URL: dot segments are resolved, percent-encoding is not. `prefix` is empty or begins with a slash. */
export function matchPath(pathname: string, prefix: string): PathTarget {
  const path =
    prefix !== '' && pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname
  if (prefix !== '' && path === pathname) return target('/unknown')
  const fixed = FIXED_ROUTES.get(path)
  if (fixed !== undefined) return target(fixed)
  if (isApiPath(path)) return target(path)
  if (/^\/docs(\/|$)/.test(path)) return target('/docs', null, path.slice('/docs/'.length))
  return path.startsWith('/v2/') ? matchSegments(path.split('/').slice(2)) : target('/unknown')
}

/** Matches the segments after `/v2/`: a name of one or more segments, and the endpoint. */
function matchSegments(segments: readonly string[]): PathTarget {
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

/** The paths of the administration API are canonical as written: they have no character with two spellings. */
export function isApiPath(path: string): path is `/api/${string}` {
  return /^\/api\/v1(\/[A-Za-z0-9._~:-]+)+$/.test(path)
}

/** Whether a path belongs to one of the APIs, whose answers are never pages. */
export function isProgramPath(pathname: string, prefix: string): boolean {
  const path = pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : ''
  return [pathname, path].some((one) => /^\/(v2|api)(\/|$)/.test(one))
}

function target(route: Route, repository: string | null = null, reference = ''): PathTarget {
  return { route, repository, reference: decodeColon(reference) }
}

/** The colon of a digest is the only character that clients may escape. Other escapes stay, and no grammar allows a `%`. */
function decodeColon(segment: string): string {
  return segment.replace(/%3a/i, ':')
}

/** The error for an unknown path. */
export function unknownEndpoint(): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    status: 404,
    message:
      'no such endpoint: the registry API is below /v2/, the administration API below /api/v1/',
  })
}
