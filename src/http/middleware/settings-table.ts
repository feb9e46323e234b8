/**
 * The table of all settings. The parser (settings.ts), the types, the advice for a misspelt name (setting-names.ts) and the table of
 * docs/configuration.md (`node test/http/write-docs.ts`) are derived from it. The order is that of the page.
 */
import { AUTH_SETTINGS } from '../../auth/login/settings-table.ts'
import { EVENT_SETTINGS } from '../../events/model/event-settings.ts'
import { allowLoopback } from '../../lib/outgoing-address.ts'
import { flag, listed, oneOf, setting, wholeNumber } from '../../lib/setting.ts'
import { S3_SETTINGS } from '../../store/bytes/s3-settings.ts'
import { parseBlobRedirect } from '../v2/blob-redirect.ts'
import { parsePublicUrl, parseResponseHeaders } from './setting-values.ts'

const PUBLIC_URL = {
  variable: 'PUBLIC_URL',
  takes: 'URL',
  defaultText: "the request's own",
  meaning:
    'The public URL of the registry, used in `Location`, such as `https://registry.example.com/team`. Its path is a prefix of every path: `/team/v2/`, `/team/token`, `/team/metrics`.',
} as const

const PAGE = wholeNumber(1, 10_000, 1000)

const ANSWERS = {
  /** The fixed origin of URLs in answers. Null to use the origin of the request. */
  publicOrigin: setting({
    ...PUBLIC_URL,
    default: null,
    parse: (text) => parsePublicUrl(text).origin,
  }),
  /** Empty, or a path before `/v2/` without a trailing slash. */
  pathPrefix: setting({
    ...PUBLIC_URL,
    default: '',
    parse: (text) => parsePublicUrl(text).pathPrefix,
  }),
  trustForwarded: setting({
    variable: 'TRUST_FORWARDED',
    ...flag(false),
    meaning:
      "The registry takes the host and scheme from `X-Forwarded-Host`, `-Proto` and `-Port`, or `Forwarded`, and the client's address from the last entry of `X-Forwarded-For`. Set it only behind a proxy of yours that sets these headers.",
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
    meaning: 'With `false`, every delete, even of a tag, is answered with 405.',
  }),
  catalogPageMax: setting({
    variable: 'CATALOG_PAGE_MAX',
    ...PAGE,
    meaning: 'The most entries on a page of `_catalog`. A larger `n` is refused.',
  }),
  tagsPageMax: setting({
    variable: 'TAGS_PAGE_MAX',
    ...PAGE,
    meaning: 'The most entries on a page of tags. A larger `n` gets this many and a `Link`.',
  }),
  referrersPageMax: setting({
    variable: 'REFERRERS_PAGE_MAX',
    ...PAGE,
    meaning: 'The most entries on a page of referrers.',
  }),
}

const CLIENTS = {
  /** The kind of challenge for a client without credentials. */
  challenge: setting({
    variable: 'CHALLENGE',
    ...oneOf('bearer', 'basic'),
    meaning:
      'The kind of credential that the registry requests. With `basic`, docker cannot pull without a login.',
  }),
  corsOrigins: setting({
    variable: 'CORS_ORIGINS',
    takes: 'origins, separated by commas',
    default: [],
    meaning:
      "Pages of these origins, such as `https://ui.example.com`, may read answers and make changes with their user's login.",
    parse(text): readonly string[] {
      const origins = listed(text)
      if (origins.every((origin) => URL.parse(origin)?.origin === origin)) return origins
      throw new Error('origins separated by commas, such as https://ui.example.com')
    },
  }),
  allowedHosts: setting({
    variable: 'ALLOWED_HOSTS',
    takes: 'host names, separated by commas',
    default: [],
    meaning:
      'With `OPEN_ACCESS`, the registry answers requests for these hosts too, besides `localhost`, `127.0.0.1`, `[::1]` and the host of `PUBLIC_URL`.',
    parse(text): readonly string[] {
      const hosts = listed(text.toLowerCase())
      if (hosts.every((host) => URL.parse(`http://${host}`)?.href === `http://${host}/`)) {
        return hosts
      }
      throw new Error(
        'host names without ports, separated by commas, such as registry.lan, 192.168.0.7',
      )
    },
  }),
}

const redirectMinMib = setting({
  variable: 'BLOB_REDIRECT_MIN_MIB',
  ...wholeNumber(0, 10_000, 16),
  meaning: 'The registry sends blobs smaller than this many MiB itself.',
})

const redirectKeyId = setting({
  variable: 'BLOB_REDIRECT_KEY_ID',
  takes: 'the id of an R2 API token',
  default: '',
  meaning: 'The key that signs the URLs, if `BLOB_REDIRECT` is the S3 endpoint.',
  parse: (text) => text,
})

const redirectSecret = setting({
  variable: 'BLOB_REDIRECT_SECRET',
  takes: 'secret, of the same token',
  default: '',
  meaning: 'The secret of `BLOB_REDIRECT_KEY_ID`.',
  parse: (text) => text,
})

const READS = {
  /** The place that large blobs are fetched from instead of the registry; null for none. */
  blobRedirect: setting({
    variable: 'BLOB_REDIRECT',
    takes: 'https URL, `storage`',
    default: null,
    meaning:
      'Clients fetch large blobs directly from the bucket: see [Blobs from the bucket itself](#blobs-from-the-bucket-itself).',
    parts: [redirectMinMib, redirectKeyId, redirectSecret],
    parse: (url, read) =>
      parseBlobRedirect(url, {
        keyId: read(redirectKeyId),
        secret: read(redirectSecret),
        minMebibytes: read(redirectMinMib),
        allowHttp: read(allowLoopback),
      }),
  }),
  /** The database that tags are read from. */
  tagReads: setting({
    variable: 'TAG_READS',
    ...oneOf('primary', 'replica'),
    meaning:
      'With `replica`, tags are read from the nearest replica of D1: see [Read replication](#read-replication).',
  }),
  tagHoldSeconds: setting({
    variable: 'TAG_HOLD_SECONDS',
    // A tag that was moved elsewhere must not stay hidden for long.
    ...wholeNumber(0, 60, 0),
    meaning:
      'A running instance remembers the manifest of a tag for this many seconds: see [Read replication](#read-replication).',
  }),
}

const OBSERVING = {
  logRequests: setting({
    variable: 'LOG_REQUESTS',
    ...flag(true),
    meaning: 'Each request writes one JSON line to the log, without credentials.',
  }),
  metricsToken: setting({
    variable: 'METRICS_TOKEN',
    takes: 'secret, 16 characters or more',
    default: null,
    meaning: 'The bearer token with which Prometheus reads `/metrics`.',
    parse(text) {
      // RFC 6750, 2.1, extended to all visible ASCII characters: they need no escapes in a header.
      if (/^[\x21-\x7e]{16,}$/.test(text)) return text
      throw new Error('a token of at least 16 characters, without spaces')
    },
  }),
}

export const SETTINGS = {
  ...ANSWERS,
  ...AUTH_SETTINGS,
  ...CLIENTS,
  ...S3_SETTINGS,
  ...READS,
  ...OBSERVING,
  ...EVENT_SETTINGS,
}
