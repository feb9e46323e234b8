/** Every variable: what it takes, what it means, and the message that names it where it is not valid. */
import { describe, expect, it } from 'vitest'
import type { SettingVariables } from '../../../src/http/middleware/setting-names.ts'
import { readSettings, type Settings } from '../../../src/http/middleware/settings.ts'
import { SettingError } from '../../../src/lib/setting.ts'
import { bindings, type ErrorBody, ORIGIN, send } from '../../support/registry.ts'

const BCRYPT = '$2y$05$c9TtRAC8TGnTQcqCKrl8Ku3BXQT0Sl6Ve5R2nX8gPQ9kPqvIkq1Eu'

const DEFAULTS: Settings = {
  publicOrigin: null,
  pathPrefix: '',
  trustForwarded: false,
  relativeLocations: false,
  responseHeaders: [],
  catalogPageMax: 1000,
  tagsPageMax: 1000,
  referrersPageMax: 1000,
  deleteEnabled: true,
  openAccess: false,
  allowedHosts: [],
  adminPassword: null,
  htpasswd: null,
  tokenAuth: null,
  tokenService: 'berth',
  tokenTtlSeconds: 900,
  challenge: 'bearer',
  loginFailuresMax: 10,
  corsOrigins: [],
  allowLoopback: false,
  logRequests: true,
  metricsToken: null,
  webhooks: [],
  webhookHosts: [],
  webhookRetryMs: 24 * 60 * 60_000,
  eventDays: 7,
  tagReads: 'primary',
  tagHoldSeconds: 0,
  blobRedirect: null,
  s3: null,
}

const VARIABLES = [
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
  'S3_ENDPOINT',
  'S3_BUCKET',
  'S3_REGION',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'S3_ADDRESSING',
] as const

describe('a valid setting', () => {
  it('may be missing: the registry is closed, with deletes', () => {
    expect(readSettings({})).toEqual(DEFAULTS)
  })

  it.each(VARIABLES)('may be an empty %s, which means the default', (variable) => {
    expect(readSettings({ [variable]: '' })).toEqual(DEFAULTS)
  })

  it.each<[SettingVariables, Partial<Settings>]>([
    [{ PUBLIC_URL: 'https://r.example' }, { publicOrigin: 'https://r.example' }],
    [{ PUBLIC_URL: 'https://r.example/' }, { publicOrigin: 'https://r.example' }],
    [{ PUBLIC_URL: 'https://r.example//' }, { publicOrigin: 'https://r.example' }],
    [{ PUBLIC_URL: 'http://LOCALHOST:5000' }, { publicOrigin: 'http://localhost:5000' }],
    [
      { PUBLIC_URL: 'https://r.example/a/b//' },
      { publicOrigin: 'https://r.example', pathPrefix: '/a/b' },
    ],
    [{ TRUST_FORWARDED: 'true' }, { trustForwarded: true }],
    [{ TRUST_FORWARDED: 'false' }, { trustForwarded: false }],
    [{ RELATIVE_LOCATIONS: 'true' }, { relativeLocations: true }],
    [{ RESPONSE_HEADERS: '{}' }, { responseHeaders: [] }],
    [
      { RESPONSE_HEADERS: '{"X-A":"1","X-B":"two"}' },
      {
        responseHeaders: [
          ['X-A', '1'],
          ['X-B', 'two'],
        ],
      },
    ],
    [{ CATALOG_PAGE_MAX: '1' }, { catalogPageMax: 1 }],
    [{ TAGS_PAGE_MAX: '10000' }, { tagsPageMax: 10_000 }],
    [{ REFERRERS_PAGE_MAX: '50' }, { referrersPageMax: 50 }],
    [{ DELETE_ENABLED: 'false' }, { deleteEnabled: false }],
    [{ DELETE_ENABLED: 'true' }, { deleteEnabled: true }],
    [{ OPEN_ACCESS: 'true' }, { openAccess: true }],
    [
      { ALLOWED_HOSTS: 'Registry.lan, 192.168.0.7,[fd00::1]' },
      { allowedHosts: ['registry.lan', '192.168.0.7', '[fd00::1]'] },
    ],
    [{ ADMIN_PASSWORD: 'twelve chars' }, { adminPassword: 'twelve chars' }],
    [{ HTPASSWD: `alice:${BCRYPT}\n# comment\n` }, { htpasswd: new Map([['alice', BCRYPT]]) }],
    [{ TOKEN_SERVICE: 'registry.example.com:5000' }, { tokenService: 'registry.example.com:5000' }],
    [{ TOKEN_TTL_SECONDS: '60' }, { tokenTtlSeconds: 60 }],
    [{ CHALLENGE: 'basic' }, { challenge: 'basic' }],
    [{ CHALLENGE: 'bearer' }, { challenge: 'bearer' }],
    [{ LOGIN_FAILURES_MAX: '3' }, { loginFailuresMax: 3 }],
    [
      { CORS_ORIGINS: 'https://ui.example.com, http://localhost:3000' },
      { corsOrigins: ['https://ui.example.com', 'http://localhost:3000'] },
    ],
    [{ ALLOW_LOOPBACK: 'true' }, { allowLoopback: true }],
    [{ LOG_REQUESTS: 'false' }, { logRequests: false }],
    [{ METRICS_TOKEN: 'sixteen-letters!' }, { metricsToken: 'sixteen-letters!' }],
    [{ WEBHOOK_HOSTS: 'a.example, *.b.example' }, { webhookHosts: ['a.example', '*.b.example'] }],
    [{ WEBHOOK_RETRY: '48h' }, { webhookRetryMs: 48 * 60 * 60_000 }],
    [{ EVENT_DAYS: '30' }, { eventDays: 30 }],
    [{ TAG_READS: 'replica' }, { tagReads: 'replica' }],
    [{ TAG_READS: 'primary' }, { tagReads: 'primary' }],
    [{ TAG_HOLD_SECONDS: '60' }, { tagHoldSeconds: 60 }],
    [
      { BLOB_REDIRECT: 'https://blobs.example.com' },
      {
        blobRedirect: {
          base: 'https://blobs.example.com',
          credentials: null,
          minBytes: 16 * 1024 * 1024,
        },
      },
    ],
    [
      {
        BLOB_REDIRECT: 'https://account.eu.r2.cloudflarestorage.com/bucket/',
        BLOB_REDIRECT_KEY_ID: 'id',
        BLOB_REDIRECT_SECRET: 'secret',
        BLOB_REDIRECT_MIN_MIB: '0',
      },
      {
        blobRedirect: {
          base: 'https://account.eu.r2.cloudflarestorage.com/bucket',
          credentials: { keyId: 'id', secret: 'secret' },
          minBytes: 0,
        },
      },
    ],
    [{ BLOB_REDIRECT_KEY_ID: 'alone', BLOB_REDIRECT_MIN_MIB: '10000' }, { blobRedirect: null }],
    [
      { BLOB_REDIRECT: 'http://127.0.0.1:9000/a', ALLOW_LOOPBACK: 'true' },
      {
        allowLoopback: true,
        blobRedirect: {
          base: 'http://127.0.0.1:9000/a',
          credentials: null,
          minBytes: 16 * 1024 * 1024,
        },
      },
    ],
  ])('%j', (variables, expected) => {
    expect(readSettings(variables)).toEqual({ ...DEFAULTS, ...expected })
  })
})

const INVALID: [(typeof VARIABLES)[number], string, string][] = [
  ['PUBLIC_URL', 'r.example', 'http or https URL'],
  ['PUBLIC_URL', 'ftp://r.example', 'http or https URL'],
  ['PUBLIC_URL', 'https://r.example/?a', 'http or https URL'],
  ['PUBLIC_URL', 'https://r.example/#a', 'http or https URL'],
  ['PUBLIC_URL', 'https://user@r.example', 'http or https URL'],
  ['PUBLIC_URL', 'https://user:word@r.example', 'http or https URL'],
  ['PUBLIC_URL', 'javascript:alert(1)', 'http or https URL'],
  ['PUBLIC_URL', 'https://r.example//evil.example', 'empty path segment'],
  ['PUBLIC_URL', 'https://r.example/a//b/', 'empty path segment'],
  ['TRUST_FORWARDED', 'yes', '"true" or "false"'],
  ['RELATIVE_LOCATIONS', '1', '"true" or "false"'],
  ['DELETE_ENABLED', 'False', '"true" or "false"'],
  ['OPEN_ACCESS', 'TRUE', '"true" or "false"'],
  ['RESPONSE_HEADERS', 'X-A: 1', 'a JSON object'],
  ['RESPONSE_HEADERS', '["X-A"]', 'a JSON object'],
  ['RESPONSE_HEADERS', 'null', 'a JSON object'],
  ['RESPONSE_HEADERS', '{"X A":"1"}', 'a JSON object'],
  ['RESPONSE_HEADERS', '{"X-A":"1\\r\\nX-B: 2"}', 'a JSON object'],
  ['RESPONSE_HEADERS', '{"X-A":{"b":1}}', 'a JSON object'],
  ['RESPONSE_HEADERS', '{"X-A":null}', 'a JSON object'],
  ['CATALOG_PAGE_MAX', '0', 'from 1 to 10000'],
  ['CATALOG_PAGE_MAX', '10001', 'from 1 to 10000'],
  ['TAGS_PAGE_MAX', '-1', 'from 1 to 10000'],
  ['TAGS_PAGE_MAX', '1.5', 'from 1 to 10000'],
  ['REFERRERS_PAGE_MAX', 'many', 'from 1 to 10000'],
  ['REFERRERS_PAGE_MAX', '1e3', 'from 1 to 10000'],
  ['ADMIN_PASSWORD', 'eleven char', 'at least 12 characters'],
  ['HTPASSWD', `alice:${BCRYPT}\nasdf`, 'line 2'],
  ['TOKEN_AUTH', '{', 'JSON'],
  ['TOKEN_AUTH', '{"realm":"https://auth.example.com/token","service":"r"}', 'issuer'],
  [
    'TOKEN_AUTH',
    '{"realm":"https://a.example","service":"r","issuer":"i","jwks":"https://a.internal/"}',
    'private network',
  ],
  ['TOKEN_SERVICE', 'a "quoted" name', 'a name such as'],
  ['TOKEN_TTL_SECONDS', '59', 'from 60 to 900'],
  ['TOKEN_TTL_SECONDS', '901', 'from 60 to 900'],
  ['CHALLENGE', 'digest', '"bearer" or "basic"'],
  ['LOGIN_FAILURES_MAX', '0', 'from 1 to 1000'],
  ['CORS_ORIGINS', '*', 'origins'],
  ['CORS_ORIGINS', 'https://ui.example.com/', 'origins'],
  ['CORS_ORIGINS', 'null', 'origins'],
  ['ALLOW_LOOPBACK', 'yes', '"true" or "false"'],
  ['WEBHOOKS', '[{"name":"a"}]', 'endpoint "a"'],
  ['WEBHOOKS', '[{"name":"a","url":"https://127.0.0.1/"}]', 'url'],
  ['WEBHOOK_HOSTS', 'https://a.example', 'hosts'],
  ['WEBHOOK_RETRY', 'a day', 'a duration'],
  ['EVENT_DAYS', '0', 'from 1 to 365'],
  ['TAG_READS', 'nearest', '"primary" or "replica"'],
  ['TAG_HOLD_SECONDS', '61', 'from 0 to 60'],
  ['LOG_REQUESTS', 'all', '"true" or "false"'],
  ['METRICS_TOKEN', 'fifteen-letters', 'at least 16 characters'],
  ['METRICS_TOKEN', 'sixteen letters!', 'without spaces'],
  ['BLOB_REDIRECT', 'http://blobs.example.com', 'an https URL'],
  ['BLOB_REDIRECT', 'blobs.example.com', 'an https URL'],
  ['BLOB_REDIRECT', 'https://user@blobs.example.com', 'an https URL'],
  ['BLOB_REDIRECT', 'https://blobs.example.com/?a=b', 'an https URL'],
  ['BLOB_REDIRECT', 'https://blobs.example.com/#a', 'an https URL'],
  ['BLOB_REDIRECT', 'https://account.r2.cloudflarestorage.com/bucket', 'credentials in'],
  ['BLOB_REDIRECT_MIN_MIB', '10001', 'from 0 to 10000'],
  ['S3_ENDPOINT', 'http://s3.example.com', 'an https URL'],
  ['S3_ENDPOINT', 'https://192.168.0.10', 'the host is an IP address'],
  ['S3_ENDPOINT', 'https://minio.lan', 'private network'],
  ['S3_ENDPOINT', 's3.example.com', 'an https URL'],
  ['S3_ENDPOINT', 'https://user@s3.example.com', 'an https URL'],
  ['S3_ENDPOINT', 'https://s3.example.com/bucket', 'without a path'],
  ['S3_ENDPOINT', 'https://s3.example.com?a=b', 'without a path'],
  ['S3_ENDPOINT', 'https://s3.example.com', 'S3_BUCKET is missing'],
  ['S3_BUCKET', 'a/b', 'the name of a bucket'],
  ['S3_BUCKET', 'ab', '3 to 63'],
  ['S3_REGION', 'eu central', 'the name of a region'],
  ['S3_ACCESS_KEY_ID', 'a key', 'without spaces'],
  ['S3_SECRET_ACCESS_KEY', 'a secret', 'without spaces'],
  ['S3_ADDRESSING', 'virtual', '"path" or "host"'],
]

describe('an invalid setting', () => {
  it.each(INVALID)('%s = %s is named, with accepted values', (variable, value, takes) => {
    const read = () => readSettings({ [variable]: value })
    expect(read).toThrow(SettingError)
    expect(read).toThrow(variable)
    expect(read).toThrow(takes)
  })

  it.each(INVALID)(
    '%s = %s shuts every route, and is told to the operator',
    async (variable, value) => {
      for (const path of ['/v2/', '/v2/foo/tags/list', '/nowhere', '/healthz']) {
        const response = await send('GET', path, {}, { ...bindings, [variable]: value })
        expect(response.status).toBe(503)
        const { errors } = await response.json<ErrorBody>()
        expect(errors.map(({ code }) => code)).toEqual(['UNAVAILABLE'])
        expect(errors[0]?.message).toContain(variable)
        // A secret is one, valid or not.
        if (['ADMIN_PASSWORD', 'METRICS_TOKEN', 'S3_SECRET_ACCESS_KEY'].includes(variable))
          expect(JSON.stringify(errors)).not.toContain(value)
      }
    },
  )
})

describe('a misspelt setting', () => {
  it.each([
    ['DELETE_ENABLE', 'DELETE_ENABLED'],
    ['delete_enabled', 'DELETE_ENABLED'],
    ['ADMIN-PASSWORD', 'ADMIN_PASSWORD'],
    ['ADMIN_PASWORD', 'ADMIN_PASSWORD'],
    ['HTTPASSWD', 'HTPASSWD'],
    ['WEBHOOK', 'WEBHOOKS'],
  ])('%s is refused, and the answer asks for %s', async (name, meant) => {
    const problem = `there is no setting ${name}: did you mean ${meant}?`
    for (const value of ['true', '', false]) {
      const variables: object = { [name]: value }
      expect(() => readSettings(variables)).toThrow(problem)
    }
    const response = await send('GET', '/v2/', {}, { ...bindings, [name]: 'a secret value' })
    expect(response.status).toBe(503)
    const text = await response.text()
    expect(text).toContain(problem)
    expect(text).not.toContain('a secret value')
  })

  it.each(['SENTRY_DSN', 'EVENTS', 'TAG', 'BUCKET'])(
    'is not %s, which is something else',
    (name) => {
      expect(readSettings(Object.fromEntries([[name, 'text']]))).toEqual(DEFAULTS)
    },
  )

  it('is never another binding, whatever its name', () => {
    const variables: object = { WEBHOOK: {} }
    expect(readSettings(variables)).toEqual(DEFAULTS)
  })
})

describe('BLOB_REDIRECT', () => {
  it.each<[string, SettingVariables]>([
    ['a key without its secret', { BLOB_REDIRECT_KEY_ID: 'id' }],
    ['a secret without its key', { BLOB_REDIRECT_SECRET: 'secret' }],
  ])('refuses %s', (_, variables) => {
    const read = () =>
      readSettings({ BLOB_REDIRECT: 'https://s3.example.com/bucket', ...variables })
    expect(read).toThrow('the setting BLOB_REDIRECT is not valid')
    expect(read).toThrow('together, or neither')
  })

  it("refuses R2's endpoint without a bucket", () => {
    const variables = { BLOB_REDIRECT_KEY_ID: 'id', BLOB_REDIRECT_SECRET: 'secret' }
    const endpoint = 'https://account.r2.cloudflarestorage.com/'
    expect(() => readSettings({ BLOB_REDIRECT: endpoint, ...variables })).toThrow('the bucket')
  })
})

describe('S3_ENDPOINT', () => {
  const KEYS = { S3_BUCKET: 'berth', S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' }
  const s3 = { bucket: 'berth', region: '', keyId: 'id', secret: 'secret' }

  it.each<[string, SettingVariables, object]>([
    ['https://s3.example.com', {}, { base: 'https://s3.example.com/berth' }],
    ['https://s3.example.com/', {}, { base: 'https://s3.example.com/berth' }],
    ['https://s3.example.com:9000', {}, { base: 'https://s3.example.com:9000/berth' }],
    [
      'https://s3.example.com',
      { S3_REGION: 'auto' },
      { base: 'https://s3.example.com/berth', region: 'auto' },
    ],
    [
      'https://s3.example.com:9000',
      { S3_ADDRESSING: 'host' },
      { base: 'https://berth.s3.example.com:9000' },
    ],
    ['http://127.0.0.1:9000', { ALLOW_LOOPBACK: 'true' }, { base: 'http://127.0.0.1:9000/berth' }],
    [
      'http://192.168.0.10:9000',
      { ALLOW_LOOPBACK: 'true' },
      { base: 'http://192.168.0.10:9000/berth' },
    ],
    ['http://minio:9000', { ALLOW_LOOPBACK: 'true' }, { base: 'http://minio:9000/berth' }],
  ])('%s is where objects are, with %o', (S3_ENDPOINT, variables, fields) => {
    const settings = readSettings({ ...KEYS, S3_ENDPOINT, ...variables })
    expect(settings.s3).toEqual({ ...s3, ...fields })
  })

  it.each(['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'])('needs %s', (missing) => {
    const variables = { ...KEYS, S3_ENDPOINT: 'https://s3.example.com', [missing]: '' }
    expect(() => readSettings(variables)).toThrow(`${missing} is missing`)
  })
})

describe('what a setting does', () => {
  it('PUBLIC_URL with a path serves everything only under that path', async () => {
    const environment = { ...bindings, PUBLIC_URL: 'https://r.example/some/prefix' }
    for (const [path, status] of [
      ['/some/prefix/v2/', 200],
      ['/some/prefix/healthz', 200],
      ['/v2/', 404],
      ['/some/v2/', 404],
      ['/some/prefixv2/', 404],
    ] as const) {
      expect((await send('GET', path, {}, environment)).status).toBe(status)
    }
    const begun = await send('POST', '/some/prefix/v2/a/blobs/uploads/', {}, environment)
    expect(begun.headers.get('Location')).toMatch(
      /^https:\/\/r\.example\/some\/prefix\/v2\/a\/blobs\/uploads\/[\w-]{52}$/,
    )
  })

  it('RESPONSE_HEADERS are in every answer, errors included', async () => {
    const environment = {
      ...bindings,
      RESPONSE_HEADERS: '{"Strict-Transport-Security":"max-age=9"}',
    }
    for (const path of ['/v2/', '/v2/foo/tags/list', '/nowhere', '/v2/Foo/tags/list']) {
      const response = await send('GET', path, {}, environment)
      expect(response.headers.get('Strict-Transport-Security')).toBe('max-age=9')
    }
  })

  it('TRUST_FORWARDED reads the headers of a proxy, and ignores an invalid host', async () => {
    const environment = { ...bindings, TRUST_FORWARDED: 'true' }
    for (const [headers, origin] of [
      [{ 'X-Forwarded-Proto': 'https' }, 'https://registry.test'],
      [{ 'X-Forwarded-Host': 'r.example' }, 'http://r.example'],
      [{ 'X-Forwarded-Host': '' }, ORIGIN],
      [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': ' r.example , b' }, 'https://r.example'],
      [{ 'X-Forwarded-Host': 'r.example/path' }, 'http://r.example'],
      [{ 'X-Forwarded-Proto': 'javascript' }, ORIGIN],
      [{ 'X-Forwarded-Proto': 'data' }, ORIGIN],
      [{ 'X-Forwarded-Proto': 'ftp' }, ORIGIN],
      [{ 'X-Forwarded-Host': 'r.example', 'X-Forwarded-Port': '8443' }, 'http://r.example:8443'],
      [{ 'X-Forwarded-Host': 'r.example', 'X-Forwarded-Port': 'x' }, ORIGIN],
      [{ Forwarded: 'for=_a;proto=https;host="r.example:8443"' }, 'https://r.example:8443'],
      [{ Forwarded: 'proto=https;host=r.example/path' }, ORIGIN],
      [{ Forwarded: 'proto=javascript' }, ORIGIN],
    ] as const) {
      const response = await send('POST', '/v2/a/blobs/uploads/', { headers }, environment)
      const location = response.headers.get('Location') ?? ''
      expect(location.slice(0, location.indexOf('/v2/'))).toBe(origin)
    }
  })
})
