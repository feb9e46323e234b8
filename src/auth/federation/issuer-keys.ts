/** The keys of OIDC issuers, found by discovery (OpenID Connect Discovery 1.0, 4). */
import * as v from 'valibot'
import { addressProblem } from '../../lib/outgoing-address.ts'
import { fetchJson } from '../../lib/outgoing-request.ts'
import { RemoteKeys } from './remote-keys.ts'

const ISSUER_CHARACTERS = 255

const Discovery = v.object({ issuer: v.string(), jwks_uri: v.string() })

/** Few entries: only issuers with a trust rule are added. */
const issuers = new Map<string, RemoteKeys>()

export function issuerKeys(issuer: string, allowLoopback: boolean): RemoteKeys {
  const known = issuers.get(issuer)
  if (known !== undefined) return known
  const keys = new RemoteKeys(() => fetchKeys(issuer, allowLoopback))
  issuers.set(issuer, keys)
  return keys
}

async function fetchKeys(issuer: string, allowLoopback: boolean): Promise<unknown> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const discovered = v.parse(Discovery, await fetchJson(url, { allowLoopback }))
  // 4.3: otherwise the server of one path could speak for another issuer on the same host.
  if (discovered.issuer !== issuer) throw new Error(`${url}: it belongs to another issuer`)
  return fetchJson(discovered.jwks_uri, { allowLoopback })
}

/** Why a URL cannot be the issuer of a trust rule, as text for the administrator; null where it can. */
export function issuerProblem(url: string, allowLoopback: boolean): string | null {
  if (url.length > ISSUER_CHARACTERS) return `an issuer has at most ${ISSUER_CHARACTERS} characters`
  const problem = addressProblem(url, { allowLoopback })
  if (problem !== null) return `the issuer cannot be asked: ${problem}`
  const { origin, pathname, search } = new URL(url)
  if (search !== '') return 'an issuer has no query'
  // It is compared with `iss` character by character, so only the plain spelling can ever match.
  const plain = [origin, `${origin}${pathname}`].includes(url) && !pathname.includes('//')
  return plain ? null : `the issuer is not in its plain form, ${origin}${pathname}`
}
