/** The URLs that the registry answers with: absolute ones by default, paths where the operator wants them. */
import type { Context } from 'hono'
import type { AppEnv } from './context.ts'
import type { Settings } from './settings.ts'

/** Makes a `Location` of a path that begins with `/v2/`. */
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
  const protocol = firstOf(c.req.header('X-Forwarded-Proto')) ?? url.protocol.slice(0, -1)
  const host = firstOf(c.req.header('X-Forwarded-Host')) ?? url.host
  // What does not make an origin is not worth a broken Location.
  const origin = URL.parse(`${protocol}://${host}`)?.origin ?? ''
  return /^https?:/.test(origin) ? origin : url.origin
}

/** Of a list that several proxies added to, the first is the one that the client spoke to. */
function firstOf(header: string | undefined): string | undefined {
  return header?.split(',')[0]?.trim() || undefined
}
