/** The variables that an operator may set. Each is optional; README.md, "Configuration", has the meanings. */
import { nearestName } from '../lib/nearest-name.ts'

export const SETTING_NAMES = [
  'PUBLIC_URL',
  'TRUST_FORWARDED',
  'RELATIVE_LOCATIONS',
  'RESPONSE_HEADERS',
  'CATALOG_PAGE_MAX',
  'TAGS_PAGE_MAX',
  'REFERRERS_PAGE_MAX',
  'DELETE_ENABLED',
  'OPEN_ACCESS',
  'ALLOWED_HOSTS',
  'ADMIN_PASSWORD',
  'HTPASSWD',
  'TOKEN_AUTH',
  'TOKEN_SERVICE',
  'TOKEN_TTL_SECONDS',
  'CHALLENGE',
  'LOGIN_FAILURES_MAX',
  'CORS_ORIGINS',
  'ALLOW_LOOPBACK',
  'LOG_REQUESTS',
  'METRICS_TOKEN',
  'WEBHOOKS',
  'WEBHOOK_HOSTS',
  'WEBHOOK_RETRY',
  'EVENT_DAYS',
  'TAG_READS',
  'TAG_HOLD_SECONDS',
  'BLOB_REDIRECT',
  'BLOB_REDIRECT_MIN_MIB',
  'BLOB_REDIRECT_KEY_ID',
  'BLOB_REDIRECT_SECRET',
] as const

export type SettingName = (typeof SETTING_NAMES)[number]

/** The variables as they are bound. */
export type SettingVariables = { [Name in SettingName]?: string }

/** Of a name that is no variable's, the variable's that it is nearly; null for all others. */
export function misspeltSetting(name: string): SettingName | null {
  if (SETTING_NAMES.some((known) => known === name)) return null
  return nearestName(name, SETTING_NAMES)
}
