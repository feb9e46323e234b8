/**
 * What an operator may set, in `[vars]` of wrangler.toml or as a secret: read and validated once for each set of variables.
 * An error names the variable and what it takes.
 */

import type { AuthSettings } from '../auth/auth-settings.ts'
import { parseHtpasswd } from '../auth/htpasswd.ts'
import { parseTokenService } from '../auth/token-service.ts'

import { parseEndpoints } from '../events/endpoint.ts'
import { type EventSettings, parseHosts, parseRetryTime } from '../events/event-settings.ts'
import { type BlobRedirect, parseBlobRedirect } from './blob-redirect.ts'
import { misspeltSetting, type SettingVariables } from './setting-names.ts'

export interface Settings extends AuthSettings, EventSettings {
  /** Origin of the URLs that the registry answers with, when fixed; else that of the request. */
  publicOrigin: string | null
  /** '' or a path before `/v2/`, without a slash at its end. */
  pathPrefix: string
  /** Whether Forwarded and X-Forwarded-* are a trusted proxy's. */
  trustForwarded: boolean
  /** Whether Location headers are paths instead of absolute URLs. */
  relativeLocations: boolean
  /** Headers for every response. */
  responseHeaders: readonly (readonly [string, string])[]
  catalogPageMax: number
  tagsPageMax: number
  referrersPageMax: number
  deleteEnabled: boolean
  /** How a client without credentials is asked for them. */
  challenge: 'bearer' | 'basic'
  /** Host names that an open registry answers to, beside those of the machine itself and PUBLIC_URL's. */
  allowedHosts: readonly string[]
  /** Origins whose pages may read the answers, and change what their user may change. */
  corsOrigins: readonly string[]
  /** Whether each request leaves a line in the log. */
  logRequests: boolean
  /** Where the manifest of a tag is read. */
  tagReads: 'primary' | 'replica'
  /** For so long an isolate may answer what a tag meant a moment ago; 0 for not at all. */
  tagHoldSeconds: number
  /** What Prometheus may show instead of an administrator's password. */
  metricsToken: string | null
  /** Where large blobs are fetched instead; null for nowhere. */
  blobRedirect: BlobRedirect | null
}

export class SettingError extends Error {
  override readonly name = 'SettingError'

  constructor(variable: string, takes: string) {
    super(`the setting ${variable} is not valid: it takes ${takes}`)
  }
}

/** A variable that is none, and nearly one: what its owner meant would be off without a word. */
class MisspeltSettingError extends SettingError {
  constructor(variable: string, meant: string) {
    super(variable, '')
    this.message = `there is no setting ${variable}: did you mean ${meant}?`
  }
}

const cache = new WeakMap<SettingVariables, Settings>()

/** @throws {SettingError} for the first variable that is not valid */
export function readSettings(variables: SettingVariables): Settings {
  const known = cache.get(variables)
  if (known !== undefined) return known
  refuseMisspelt(variables)
  const allowLoopback = flag('ALLOW_LOOPBACK', variables.ALLOW_LOOPBACK, false)
  const webhookHosts = parsed('WEBHOOK_HOSTS', variables.WEBHOOK_HOSTS, parseHosts) ?? []
  const parseWebhooks = (json: string) =>
    parseEndpoints(json, { allowLoopback, hosts: webhookHosts })
  const parseTokenAuth = (json: string) => parseTokenService(json, allowLoopback)
  const blobRedirect = {
    keyId: variables.BLOB_REDIRECT_KEY_ID,
    secret: variables.BLOB_REDIRECT_SECRET,
    minMebibytes: number('BLOB_REDIRECT_MIN_MIB', variables.BLOB_REDIRECT_MIN_MIB, REDIRECT_MIB),
    allowHttp: allowLoopback,
  }
  const parseRedirect = (url: string) => parseBlobRedirect(url, blobRedirect)
  const settings: Settings = {
    ...publicUrl(variables.PUBLIC_URL),
    trustForwarded: flag('TRUST_FORWARDED', variables.TRUST_FORWARDED, false),
    relativeLocations: flag('RELATIVE_LOCATIONS', variables.RELATIVE_LOCATIONS, false),
    responseHeaders: headers('RESPONSE_HEADERS', variables.RESPONSE_HEADERS),
    catalogPageMax: number('CATALOG_PAGE_MAX', variables.CATALOG_PAGE_MAX, PAGE),
    tagsPageMax: number('TAGS_PAGE_MAX', variables.TAGS_PAGE_MAX, PAGE),
    referrersPageMax: number('REFERRERS_PAGE_MAX', variables.REFERRERS_PAGE_MAX, PAGE),
    deleteEnabled: flag('DELETE_ENABLED', variables.DELETE_ENABLED, true),
    allowedHosts: hosts('ALLOWED_HOSTS', variables.ALLOWED_HOSTS),
    openAccess: flag('OPEN_ACCESS', variables.OPEN_ACCESS, false),
    adminPassword: password('ADMIN_PASSWORD', variables.ADMIN_PASSWORD),
    htpasswd: parsed('HTPASSWD', variables.HTPASSWD, parseHtpasswd),
    tokenAuth: parsed('TOKEN_AUTH', variables.TOKEN_AUTH, parseTokenAuth),
    tokenService: tokenService(variables.TOKEN_SERVICE),
    tokenTtlSeconds: number('TOKEN_TTL_SECONDS', variables.TOKEN_TTL_SECONDS, TOKEN_TTL),
    challenge: challenge(variables.CHALLENGE),
    loginFailuresMax: number('LOGIN_FAILURES_MAX', variables.LOGIN_FAILURES_MAX, LOGIN_FAILURES),
    corsOrigins: origins('CORS_ORIGINS', variables.CORS_ORIGINS),
    allowLoopback,
    webhookHosts,
    webhooks: parsed('WEBHOOKS', variables.WEBHOOKS, parseWebhooks) ?? [],
    webhookRetryMs: parsed('WEBHOOK_RETRY', variables.WEBHOOK_RETRY, parseRetryTime) ?? DAY_MS,
    eventDays: number('EVENT_DAYS', variables.EVENT_DAYS, EVENT_DAYS),
    logRequests: flag('LOG_REQUESTS', variables.LOG_REQUESTS, true),
    tagReads: tagReads(variables.TAG_READS),
    tagHoldSeconds: number('TAG_HOLD_SECONDS', variables.TAG_HOLD_SECONDS, TAG_HOLD),
    metricsToken: secretToken('METRICS_TOKEN', variables.METRICS_TOKEN),
    blobRedirect: parsed('BLOB_REDIRECT', variables.BLOB_REDIRECT, parseRedirect),
  }
  cache.set(variables, settings)
  return settings
}

/** Buckets, queues and the like are bound beside the variables, under any name. */
function refuseMisspelt(bound: object): void {
  for (const [name, value] of Object.entries(bound)) {
    const meant = typeof value === 'object' ? null : misspeltSetting(name)
    if (meant !== null) throw new MisspeltSettingError(name, meant)
  }
}

function publicUrl(value: string | undefined): { publicOrigin: string | null; pathPrefix: string } {
  if (value === undefined || value === '') return { publicOrigin: null, pathPrefix: '' }
  const url = URL.parse(value)
  const plain = url !== null && url.search === '' && url.hash === '' && url.username === ''
  const pathPrefix = url?.pathname.replace(/\/+$/, '') ?? ''
  // A path that begins with two slashes names another host where it stands alone, as in a Link.
  if (!plain || !/^https?:$/.test(url.protocol) || pathPrefix.includes('//')) {
    throw new SettingError(
      'PUBLIC_URL',
      'an http or https URL without a query or an empty path segment, such as https://registry.example.com',
    )
  }
  return { publicOrigin: url.origin, pathPrefix }
}

function flag(name: string, value: string | undefined, otherwise: boolean): boolean {
  if (value === undefined || value === '') return otherwise
  if (value !== 'true' && value !== 'false') throw new SettingError(name, '"true" or "false"')
  return value === 'true'
}

interface NumberRange {
  min: number
  max: number
  default: number
}

const PAGE: NumberRange = { min: 1, max: 10_000, default: 1000 }
/** At most 15 minutes: bearer tokens of `admin` and of htpasswd users outlive a new password for so long. */
const TOKEN_TTL: NumberRange = { min: 60, max: 900, default: 900 }
const EVENT_DAYS: NumberRange = { min: 1, max: 365, default: 7 }
/** A tag that was moved elsewhere must not be hidden for long. */
const TAG_HOLD: NumberRange = { min: 0, max: 60, default: 0 }
const REDIRECT_MIB: NumberRange = { min: 0, max: 10_000, default: 16 }
const DAY_MS = 24 * 60 * 60_000
const LOGIN_FAILURES: NumberRange = { min: 1, max: 1000, default: 10 }

function number(name: string, value: string | undefined, range: NumberRange): number {
  if (value === undefined || value === '') return range.default
  const given = /^[0-9]{1,5}$/.test(value) ? Number(value) : Number.NaN
  if (given >= range.min && given <= range.max) return given
  throw new SettingError(name, `a whole number from ${range.min} to ${range.max}`)
}

/** What `parse` makes of the value; its error says what is wrong, and where. */
function parsed<T>(name: string, value: string | undefined, parse: (text: string) => T): T | null {
  if (value === undefined || value === '') return null
  try {
    return parse(value)
  } catch (error) {
    throw new SettingError(name, error instanceof Error ? error.message : String(error))
  }
}

function tokenService(value: string | undefined): string {
  if (value === undefined || value === '') return 'berth'
  if (/^[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}$/.test(value)) return value
  throw new SettingError('TOKEN_SERVICE', 'a name such as registry.example.com')
}

function challenge(value: string | undefined): 'bearer' | 'basic' {
  if (value === undefined || value === '' || value === 'bearer') return 'bearer'
  if (value === 'basic') return 'basic'
  throw new SettingError('CHALLENGE', '"bearer" or "basic"')
}

function tagReads(value: string | undefined): 'primary' | 'replica' {
  if (value === undefined || value === '' || value === 'primary') return 'primary'
  if (value === 'replica') return 'replica'
  throw new SettingError('TAG_READS', '"primary" or "replica"')
}

function origins(name: string, value: string | undefined): string[] {
  const listed = (value ?? '').split(',').map((origin) => origin.trim())
  const given = listed.filter((origin) => origin !== '')
  if (given.every((origin) => URL.parse(origin)?.origin === origin)) return given
  throw new SettingError(name, 'origins with commas between them, such as https://ui.example.com')
}

function hosts(name: string, value: string | undefined): string[] {
  const listed = (value ?? '').split(',').map((host) => host.trim().toLowerCase())
  const given = listed.filter((host) => host !== '')
  if (given.every((host) => URL.parse(`http://${host}`)?.href === `http://${host}/`)) return given
  throw new SettingError(
    name,
    'host names without ports, with commas between them, such as registry.lan, 192.168.0.7',
  )
}

function headers(name: string, value: string | undefined): [string, string][] {
  if (value === undefined || value === '') return []
  try {
    const parsed: unknown = JSON.parse(value)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error()
    const entries = Object.entries(parsed).map(([key, text]): [string, string] => {
      if (typeof text !== 'string') throw new Error()
      return [key, text]
    })
    // Headers refuses what is no header name or value.
    new Headers(entries)
    return entries
  } catch {
    throw new SettingError(
      name,
      'a JSON object of header names and values, such as {"X-Region":"eu"}',
    )
  }
}

function password(name: string, value: string | undefined): string | null {
  if (value === undefined || value === '') return null
  if (value.length < 12) throw new SettingError(name, 'a password of at least 12 characters')
  return value
}

/** RFC 6750, 2.1, in all characters that stand in a header's value as they are. */
function secretToken(name: string, value: string | undefined): string | null {
  if (value === undefined || value === '') return null
  if (/^[\x21-\x7e]{16,}$/.test(value)) return value
  throw new SettingError(name, 'a token of at least 16 characters, none of them a space')
}
