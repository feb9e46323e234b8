/** The URLs in answers: absolute by default, or paths if the operator chooses them. */
import type { Context } from 'hono'
import { readForwarded } from '../../lib/forwarded.ts'
import type { AppEnv } from './context.ts'
import type { Settings } from './settings.ts'

/** The `Location` of a path that begins with `/v2/`. */
export function location(c: Context<AppEnv>, path: string): string {
  return c.get('settings').relativeLocations
    ? prefixedPath(c.get('settings'), path)
    : absoluteUrl(c, path)
}

export function absoluteUrl(c: Context<AppEnv>, path: string): string {
  return `${publicOrigin(c)}${prefixedPath(c.get('settings'), path)}`
}

/** The path as clients reach it, for `Link` headers, which are always relative. */
export function prefixedPath(settings: Settings, path: string): string {
  return `${settings.pathPrefix}${path}`
}

/** Scheme, host and port, as the client knows them. */
export function publicOrigin(c: Context<AppEnv>): string {
  const settings = c.get('settings')
  if (settings.publicOrigin !== null) return settings.publicOrigin
  const url = new URL(c.req.url)
  if (!settings.trustForwarded) return url.origin
  const { proto = url.protocol.slice(0, -1), host = url.host } = readForwarded((name) =>
    c.req.header(name),
  )
  // Falls back to the origin of the request: an invalid origin would break the Location.
  const origin = URL.parse(`${proto}://${host}`)?.origin ?? ''
  return /^https?:/.test(origin) ? origin : url.origin
}
