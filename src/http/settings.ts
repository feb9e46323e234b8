/**
 * What an operator may set, in `[vars]` of wrangler.toml or as a secret: read and validated once for each set of variables.
 * An error names the variable and what it takes.
 */

/** The variables as they are bound. Each is optional; README.md, "Configuration", has the meanings. */
export interface SettingVariables {
  PUBLIC_URL?: string
  TRUST_FORWARDED?: string
  RELATIVE_LOCATIONS?: string
  RESPONSE_HEADERS?: string
  CATALOG_PAGE_MAX?: string
  TAGS_PAGE_MAX?: string
  REFERRERS_PAGE_MAX?: string
  DELETE_ENABLED?: string
  OPEN_ACCESS?: string
  ADMIN_PASSWORD?: string
}

export interface Settings {
  /** Origin of the URLs that the registry answers with, when fixed; else that of the request. */
  publicOrigin: string | null
  /** '' or a path before `/v2/`, without a slash at its end. */
  pathPrefix: string
  /** Whether X-Forwarded-Proto and X-Forwarded-Host are a trusted proxy's. */
  trustForwarded: boolean
  /** Whether Location headers are paths instead of absolute URLs. */
  relativeLocations: boolean
  /** Headers for every response. */
  responseHeaders: readonly (readonly [string, string])[]
  catalogPageMax: number
  tagsPageMax: number
  referrersPageMax: number
  deleteEnabled: boolean
  /** Whether everybody may do everything: for a registry on one's own machine. */
  openAccess: boolean
  adminPassword: string | null
}

export class SettingError extends Error {
  override readonly name = 'SettingError'

  constructor(variable: string, takes: string) {
    super(`the setting ${variable} is not valid: it takes ${takes}`)
  }
}

const cache = new WeakMap<SettingVariables, Settings>()

/** @throws {SettingError} for the first variable that is not valid */
export function readSettings(variables: SettingVariables): Settings {
  const known = cache.get(variables)
  if (known !== undefined) return known
  const settings: Settings = {
    ...publicUrl(variables.PUBLIC_URL),
    trustForwarded: flag('TRUST_FORWARDED', variables.TRUST_FORWARDED, false),
    relativeLocations: flag('RELATIVE_LOCATIONS', variables.RELATIVE_LOCATIONS, false),
    responseHeaders: headers('RESPONSE_HEADERS', variables.RESPONSE_HEADERS),
    catalogPageMax: pageMax('CATALOG_PAGE_MAX', variables.CATALOG_PAGE_MAX),
    tagsPageMax: pageMax('TAGS_PAGE_MAX', variables.TAGS_PAGE_MAX),
    referrersPageMax: pageMax('REFERRERS_PAGE_MAX', variables.REFERRERS_PAGE_MAX),
    deleteEnabled: flag('DELETE_ENABLED', variables.DELETE_ENABLED, true),
    openAccess: flag('OPEN_ACCESS', variables.OPEN_ACCESS, false),
    adminPassword: password('ADMIN_PASSWORD', variables.ADMIN_PASSWORD),
  }
  cache.set(variables, settings)
  return settings
}

function publicUrl(value: string | undefined): { publicOrigin: string | null; pathPrefix: string } {
  if (value === undefined || value === '') return { publicOrigin: null, pathPrefix: '' }
  const url = URL.parse(value)
  const plain = url !== null && url.search === '' && url.hash === '' && url.username === ''
  if (!plain || !/^https?:$/.test(url.protocol)) {
    throw new SettingError(
      'PUBLIC_URL',
      'an http or https URL without a query, such as https://registry.example.com',
    )
  }
  return { publicOrigin: url.origin, pathPrefix: url.pathname.replace(/\/+$/, '') }
}

function flag(name: string, value: string | undefined, otherwise: boolean): boolean {
  if (value === undefined || value === '') return otherwise
  if (value !== 'true' && value !== 'false') throw new SettingError(name, '"true" or "false"')
  return value === 'true'
}

function pageMax(name: string, value: string | undefined): number {
  if (value === undefined || value === '') return 1000
  const max = /^[0-9]{1,5}$/.test(value) ? Number(value) : 0
  if (max < 1 || max > 10_000) throw new SettingError(name, 'a whole number from 1 to 10000')
  return max
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
