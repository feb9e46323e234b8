/**
 * All settings, as one table. Parsing (settings.ts), the types, the advice for a misspelt name (setting-names.ts) and the table of
 * README.md (`node test/http/write-readme.ts`) follow from it. The order is that of README.md.
 */
import { AUTH_SETTINGS } from '../../auth/login/settings-table.ts'
import { EVENT_SETTINGS } from '../../events/model/event-settings.ts'
import { allowLoopback } from '../../lib/outgoing-address.ts'
import { flag, listed, oneOf, setting, wholeNumber } from '../../lib/setting.ts'
import { parseBlobRedirect } from '../v2/blob-redirect.ts'
import { parsePublicUrl, parseResponseHeaders } from './setting-values.ts'

const PUBLIC_URL = {
  variable: 'PUBLIC_URL',
  takes: 'URL',
  defaultText: "the request's own",
  meaning:
    'The registry answers with this URL in `Location`, such as `https://registry.example.com/team`. Its path stands before every path: `/team/v2/`, `/team/token`, `/team/metrics`.',
} as const

const PAGE = wholeNumber(1, 10_000, 1000)

const ANSWERS = {
  /** Origin of the URLs that the registry answers with, when fixed; else that of the request. */
  publicOrigin: setting({
    ...PUBLIC_URL,
    default: null,
    parse: (text) => parsePublicUrl(text).origin,
  }),
  /** '' or a path before `/v2/`, without a slash at its end. */
  pathPrefix: setting({
    ...PUBLIC_URL,
    default: '',
    parse: (text) => parsePublicUrl(text).pathPrefix,
  }),
  trustForwarded: setting({
    variable: 'TRUST_FORWARDED',
    ...flag(false),
    meaning:
      "The registry takes host and scheme from `X-Forwarded-Host`, `-Proto` and `-Port`, or `Forwarded`, and the client's address from the last of `X-Forwarded-For`: for a proxy of yours that sets them.",
  }),
  relativeLocations: setting({
    variable: 'RELATIVE_LOCATIONS',
    ...flag(false),
    meaning: 'The registry sends paths instead of absolute URLs in `Location`.',
  }),
  responseHeaders: setting({
    variable: 'RESPONSE_HEADERS',
    takes: 'JSON object',
    default: [],
    meaning: 'Every response has these headers, such as `{"X-Region":"eu"}`.',
    parse: parseResponseHeaders,
  }),
  deleteEnabled: setting({
    variable: 'DELETE_ENABLED',
    ...flag(true),
    meaning: '`false` answers every delete, of tags too, with 405.',
  }),
  catalogPageMax: setting({
    variable: 'CATALOG_PAGE_MAX',
    ...PAGE,
    meaning: 'A page of `_catalog` holds at most so many; a larger `n` is refused.',
  }),
  tagsPageMax: setting({
    variable: 'TAGS_PAGE_MAX',
    ...PAGE,
    meaning:
      'A page of tags holds at most so many; a larger `n` is answered with this many and a `Link`.',
  }),
  referrersPageMax: setting({
    variable: 'REFERRERS_PAGE_MAX',
    ...PAGE,
    meaning: 'A page of referrers holds at most so many.',
  }),
}

const CLIENTS = {
  /** How a client without credentials is asked for them. */
  challenge: setting({
    variable: 'CHALLENGE',
    ...oneOf('bearer', 'basic'),
    meaning:
      'The registry asks a client without credentials for this; with `basic`, docker pulls nothing without a login.',
  }),
  corsOrigins: setting({
    variable: 'CORS_ORIGINS',
    takes: 'origins, by comma',
    default: [],
    meaning:
      "Pages of these origins may read the answers and make changes with their user's login, such as `https://ui.example.com`.",
    parse(text): readonly string[] {
      const origins = listed(text)
      if (origins.every((origin) => URL.parse(origin)?.origin === origin)) return origins
      throw new Error('origins with commas between them, such as https://ui.example.com')
    },
  }),
  allowedHosts: setting({
    variable: 'ALLOWED_HOSTS',
    takes: 'host names, by comma',
    default: [],
    meaning:
      'With `OPEN_ACCESS`, clients may reach the registry by these names, too, beside `localhost`, `127.0.0.1`, `[::1]` and that of `PUBLIC_URL`.',
    parse(text): readonly string[] {
      const hosts = listed(text.toLowerCase())
      if (hosts.every((host) => URL.parse(`http://${host}`)?.href === `http://${host}/`)) {
        return hosts
      }
      throw new Error(
        'host names without ports, with commas between them, such as registry.lan, 192.168.0.7',
      )
    },
  }),
}

const redirectMinMib = setting({
  variable: 'BLOB_REDIRECT_MIN_MIB',
  ...wholeNumber(0, 10_000, 16),
  meaning: 'The registry sends blobs of fewer MiB itself.',
})

const redirectKeyId = setting({
  variable: 'BLOB_REDIRECT_KEY_ID',
  takes: 'the id of an R2 API token',
  default: '',
  meaning: 'It signs the URLs, where `BLOB_REDIRECT` is the S3 endpoint.',
  parse: (text) => text,
})

const redirectSecret = setting({
  variable: 'BLOB_REDIRECT_SECRET',
  takes: 'secret, that of the token',
  default: '',
  meaning: 'It goes with `BLOB_REDIRECT_KEY_ID`.',
  parse: (text) => text,
})

const READS = {
  /** Where large blobs are fetched instead; null for nowhere. */
  blobRedirect: setting({
    variable: 'BLOB_REDIRECT',
    takes: 'https URL',
    default: null,
    meaning:
      'Clients fetch large blobs from the bucket: see [Blobs from the bucket itself](#blobs-from-the-bucket-itself).',
    parts: [redirectMinMib, redirectKeyId, redirectSecret],
    parse: (url, read) =>
      parseBlobRedirect(url, {
        keyId: read(redirectKeyId),
        secret: read(redirectSecret),
        minMebibytes: read(redirectMinMib),
        allowHttp: read(allowLoopback),
      }),
  }),
  /** Where the manifest of a tag is read. */
  tagReads: setting({
    variable: 'TAG_READS',
    ...oneOf('primary', 'replica'),
    meaning: '`replica` reads the manifest of a tag at the nearest replica of D1: see below.',
  }),
  tagHoldSeconds: setting({
    variable: 'TAG_HOLD_SECONDS',
    // A tag that was moved elsewhere must not be hidden for long.
    ...wholeNumber(0, 60, 0),
    meaning:
      'A running instance answers for so many seconds what a tag meant without asking again: see below.',
  }),
}

const OBSERVING = {
  logRequests: setting({
    variable: 'LOG_REQUESTS',
    ...flag(true),
    meaning: 'Each request leaves one JSON line in the log, never with a credential.',
  }),
  metricsToken: setting({
    variable: 'METRICS_TOKEN',
    takes: 'secret, 16 characters or more',
    default: null,
    meaning: 'Prometheus reads `/metrics` with this bearer token.',
    parse(text) {
      // RFC 6750, 2.1, in all characters that stand in a header's value as they are.
      if (/^[\x21-\x7e]{16,}$/.test(text)) return text
      throw new Error('a token of at least 16 characters, none of them a space')
    },
  }),
}

export const SETTINGS = {
  ...ANSWERS,
  ...AUTH_SETTINGS,
  ...CLIENTS,
  ...READS,
  ...OBSERVING,
  ...EVENT_SETTINGS,
}
