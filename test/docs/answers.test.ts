/** Each status and error code in the tables of http-api.md is one that the route really answers. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../src/http/middleware/context.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { grant, newAccount, PASSWORD } from '../auth/login-support.ts'
import { basic } from '../http/api/support.ts'
import {
  beginUpload,
  bindings,
  bytesOf,
  type ErrorBody,
  imageManifest,
  type PushedImage,
  pushBlob,
  pushImage,
  putManifest,
  send,
} from '../support/registry.ts'
import { headingsOf, namesIn, pageOf, rowsOf } from './pages.ts'

const page = pageOf('spec/http-api.md')

const REPOSITORY = 'spec/answers'
const NOTHING = `sha256:${'0'.repeat(64)}`
const bytes = bytesOf('some bytes')

const { OPEN_ACCESS: _, ...closed } = bindings
const locked: Env = { ...closed, ADMIN_PASSWORD: 'the administrator, really' }
const noDeletes: Env = { ...bindings, DELETE_ENABLED: 'false' }
const redirecting: Env = {
  ...bindings,
  BLOB_REDIRECT: 'https://blobs.example.com',
  BLOB_REDIRECT_MIN_MIB: '0',
}

let image: PushedImage
let user: string
let authorized: { headers: { Authorization: string } }

beforeAll(async () => {
  image = await pushImage(REPOSITORY, 'latest')
  user = await newAccount()
  await grant('account', user, 'spec/*', 'create')
  authorized = { headers: { Authorization: basic({ user, password: PASSWORD }) } }
})

type Sample = () => Promise<Response>

const tag = (name: string) => `/v2/${REPOSITORY}/manifests/${name}`
const blob = (digest: string) => `/v2/${REPOSITORY}/blobs/${digest}`
const uploads = (query = '') => `/v2/${REPOSITORY}/blobs/uploads/${query}`
const form = (fields: Record<string, string>, type = 'application/x-www-form-urlencoded') => ({
  body: String(new URLSearchParams(fields)),
  headers: { 'Content-Type': type },
})
const ranged = (range: string) => ({ headers: { Range: range } })
const chunk = (range: string) => ({ body: bytes, headers: { 'Content-Range': range } })
const closing = async (location: string) => `${location}?digest=${await digestOf(bytes)}`
const upload = async (method: string, init: RequestInit = {}) =>
  send(method, await beginUpload(REPOSITORY), init)
const fresh = () => pushBlob(REPOSITORY, bytesOf(crypto.randomUUID()))

/** For each route, for each answer of its table, a request that gets it. */
const SAMPLES: Record<string, Record<string, Sample>> = {
  'GET /readyz': { '200': () => send('GET', '/readyz') },
  'GET /metrics': {
    '200': () => send('GET', '/metrics'),
    '401 UNAUTHORIZED': () => send('GET', '/metrics', {}, locked),
    '403 DENIED': () => send('GET', '/metrics', authorized, locked),
  },
  'GET /docs/<page>': {
    '200': () => send('GET', '/docs/spec/tokens'),
    '301': () => send('GET', '/docs/'),
    '304': async () => {
      const { headers } = await send('GET', '/docs')
      return send('GET', '/docs', { headers: { 'If-None-Match': headers.get('ETag') ?? '' } })
    },
    '404 UNSUPPORTED': () => send('GET', '/docs/nothing'),
  },
  'GET /token': {
    '200': () => send('GET', '/token', authorized, locked),
    '400 UNSUPPORTED': () => send('GET', '/token?service=other', {}, locked),
    '401 UNAUTHORIZED': () =>
      send(
        'GET',
        '/token',
        { headers: { Authorization: basic({ user, password: 'wrong password' }) } },
        locked,
      ),
    '404 UNSUPPORTED': () => send('GET', '/token'),
    '503 UNAVAILABLE': () => send('GET', '/token', {}, { ...closed, ADMIN_PASSWORD: 'too short' }),
  },
  'POST /token': {
    '200': () =>
      send(
        'POST',
        '/token',
        form({ grant_type: 'password', username: user, password: PASSWORD }),
        locked,
      ),
    '400 UNSUPPORTED': () => send('POST', '/token', form({ grant_type: 'other' }), locked),
    '401 UNAUTHORIZED': () =>
      send('POST', '/token', form({ grant_type: 'refresh_token', refresh_token: 'x' }), locked),
    '404 UNSUPPORTED': () => send('POST', '/token'),
    '413 UNSUPPORTED': () =>
      send('POST', '/token', form({ grant_type: 'x'.repeat(70_000) }), locked),
    '415 UNSUPPORTED': () => send('POST', '/token', form({}, 'text/plain'), locked),
  },
  'GET /v2/': {
    '200': () => send('GET', '/v2/'),
    '401 UNAUTHORIZED': () => send('GET', '/v2/', {}, locked),
  },
  'GET /v2/_catalog': {
    '200': () => send('GET', '/v2/_catalog'),
    '400 NAME_INVALID': () => send('GET', '/v2/_catalog?last=A'),
    '400 PAGINATION_NUMBER_INVALID': () => send('GET', '/v2/_catalog?n=1001'),
    '401 UNAUTHORIZED': () => send('GET', '/v2/_catalog', {}, locked),
  },
  'GET /v2/<name>/tags/list': {
    '200': () => send('GET', `/v2/${REPOSITORY}/tags/list`),
    '400 NAME_INVALID': () => send('GET', '/v2/A/tags/list'),
    '400 TAG_INVALID': () => send('GET', `/v2/${REPOSITORY}/tags/list?last=-`),
    '400 PAGINATION_NUMBER_INVALID': () => send('GET', `/v2/${REPOSITORY}/tags/list?n=x`),
    '404 NAME_UNKNOWN': () => send('GET', '/v2/spec/nothing/tags/list'),
  },
  'GET /v2/<name>/manifests/<reference>': {
    '200': () => send('GET', tag('latest')),
    '304': () => send('GET', tag('latest'), { headers: { 'If-None-Match': `"${image.digest}"` } }),
    '400 NAME_INVALID': () => send('GET', '/v2/A/manifests/latest'),
    '400 TAG_INVALID': () => send('GET', tag('-')),
    '400 DIGEST_INVALID': () => send('GET', tag('sha256:0')),
    '404 MANIFEST_UNKNOWN': () => send('GET', tag(NOTHING)),
  },
  'PUT /v2/<name>/manifests/<reference>': {
    '201': () => putManifest(REPOSITORY, 'again', image.bytes),
    '400 MANIFEST_INVALID': () => putManifest(REPOSITORY, 'again', bytesOf('{}')),
    '400 MANIFEST_BLOB_UNKNOWN': async () => {
      const digest = await digestOf(bytesOf(crypto.randomUUID()))
      return putManifest(REPOSITORY, 'again', imageManifest({ digest, size: 36 }, []))
    },
    '400 DIGEST_INVALID': () => putManifest(REPOSITORY, NOTHING, image.bytes),
    '400 NAME_INVALID': () => putManifest('A', 'again', image.bytes),
    '400 TAG_INVALID': () => putManifest(REPOSITORY, 'again?tag=-', image.bytes),
    '403 DENIED': async () => {
      const other = imageManifest(image.config, [image.layer], { annotations: { other: 'yes' } })
      return send('PUT', tag('latest'), { ...authorized, body: other }, locked)
    },
    '412 DENIED': () =>
      send('PUT', tag('latest'), { body: image.bytes, headers: { 'If-None-Match': '*' } }),
    '413 MANIFEST_INVALID': () =>
      putManifest(REPOSITORY, 'again', new Uint8Array(4 * 1024 * 1024 + 1)),
    '414 TAG_INVALID': () => {
      const tags = Array.from({ length: 65 }, (_, index) => `tag=t${index}`)
      return putManifest(REPOSITORY, `${image.digest}?${tags.join('&')}`, image.bytes)
    },
  },
  'DELETE /v2/<name>/manifests/<reference>': {
    '202': async () => {
      await putManifest(REPOSITORY, 'gone', image.bytes)
      return send('DELETE', tag('gone'))
    },
    '400 TAG_INVALID': () => send('DELETE', tag('-')),
    '400 DIGEST_INVALID': () => send('DELETE', tag('sha256:0')),
    '400 NAME_INVALID': () => send('DELETE', '/v2/A/manifests/latest'),
    '400 UNSUPPORTED': () => send('DELETE', tag('latest?cascade=unreachable')),
    '404 MANIFEST_UNKNOWN': () => send('DELETE', tag('nothing')),
    '405 UNSUPPORTED': () => send('DELETE', tag('latest'), {}, noDeletes),
    '412 DENIED': () => send('DELETE', tag('latest'), { headers: { 'If-Match': NOTHING } }),
  },
  'GET /v2/<name>/referrers/<digest>': {
    '200': () => send('GET', `/v2/spec/nothing/referrers/${NOTHING}`),
    '400 NAME_INVALID': () => send('GET', `/v2/A/referrers/${NOTHING}`),
    '400 DIGEST_INVALID': () => send('GET', `/v2/${REPOSITORY}/referrers/latest`),
    '400 PAGINATION_NUMBER_INVALID': () =>
      send('GET', `/v2/${REPOSITORY}/referrers/${NOTHING}?n=-1`),
  },
  'GET /v2/<name>/blobs/<digest>': {
    '200': () => send('GET', blob(image.layer.digest)),
    '206': () => send('GET', blob(image.layer.digest), ranged('bytes=0-1,4-5')),
    '304': () => send('GET', blob(image.layer.digest), { headers: { 'If-None-Match': '*' } }),
    '307': () => send('GET', blob(image.layer.digest), {}, redirecting),
    '400 NAME_INVALID': () => send('GET', `/v2/A/blobs/${NOTHING}`),
    '400 DIGEST_INVALID': () => send('GET', blob('sha256:0')),
    '404 BLOB_UNKNOWN': () => send('GET', blob(NOTHING)),
    '416 RANGE_INVALID': () => send('GET', blob(image.layer.digest), ranged('bytes=2048-')),
  },
  'DELETE /v2/<name>/blobs/<digest>': {
    '202': async () => send('DELETE', blob((await fresh()).digest)),
    '400 NAME_INVALID': () => send('DELETE', `/v2/A/blobs/${NOTHING}`),
    '400 DIGEST_INVALID': () => send('DELETE', blob('sha256:0')),
    '404 BLOB_UNKNOWN': () => send('DELETE', blob(NOTHING)),
    '405 UNSUPPORTED': () => send('DELETE', blob(image.layer.digest)),
  },
  'POST /v2/<name>/blobs/uploads/': {
    '201': () => send('POST', uploads(`?mount=${image.layer.digest}&from=${REPOSITORY}`)),
    '202': () => send('POST', uploads(`?mount=${NOTHING}`)),
    '400 NAME_INVALID': () => send('POST', '/v2/A/blobs/uploads/'),
    '400 DIGEST_INVALID': () => send('POST', uploads('?digest-algorithm=md5')),
    '400 SIZE_INVALID': () => send('POST', uploads(`?digest=${NOTHING}`), chunk('0-99')),
    '416 RANGE_INVALID': () => send('POST', uploads(`?digest=${NOTHING}`), chunk('x')),
  },
  'GET /v2/<name>/blobs/uploads/<id>': {
    '204': () => upload('GET'),
    '404 BLOB_UPLOAD_UNKNOWN': () => send('GET', uploads('unknown')),
  },
  'PATCH /v2/<name>/blobs/uploads/<id>': {
    '202': () => upload('PATCH', { body: bytes }),
    '400 SIZE_INVALID': () => upload('PATCH', chunk('0-99')),
    '404 BLOB_UPLOAD_UNKNOWN': () => send('PATCH', uploads('unknown'), { body: bytes }),
    '416 RANGE_INVALID': () => upload('PATCH', chunk('5-14')),
  },
  'PUT /v2/<name>/blobs/uploads/<id>': {
    '201': async () => send('PUT', await closing(await beginUpload(REPOSITORY)), { body: bytes }),
    '400 DIGEST_INVALID': () => upload('PUT', { body: bytes }),
    '400 SIZE_INVALID': async () =>
      send('PUT', await closing(await beginUpload(REPOSITORY)), chunk('0-99')),
    '404 BLOB_UPLOAD_UNKNOWN': async () =>
      send('PUT', await closing(uploads('unknown')), { body: bytes }),
    '416 RANGE_INVALID': async () =>
      send('PUT', await closing(await beginUpload(REPOSITORY)), chunk('5-14')),
  },
  'DELETE /v2/<name>/blobs/uploads/<id>': {
    '204': () => upload('DELETE'),
    '404 BLOB_UPLOAD_UNKNOWN': () => send('DELETE', uploads('unknown')),
  },
}

/** Answers that need a failure, a race or many requests. Other tests have them. */
const ELSEWHERE = [
  'GET /readyz: 503',
  'GET /token: 429 TOOMANYREQUESTS',
  'POST /token: 429',
  'POST /token: 503',
  'PUT /v2/<name>/manifests/<reference>: 400 SIZE_INVALID',
  'PUT /v2/<name>/manifests/<reference>: 503 UNAVAILABLE',
  'DELETE /v2/<name>/manifests/<reference>: 503 UNAVAILABLE',
  'POST /v2/<name>/blobs/uploads/: 503 UNAVAILABLE',
  'PATCH /v2/<name>/blobs/uploads/<id>: 503 UNAVAILABLE',
  'PUT /v2/<name>/blobs/uploads/<id>: 503 UNAVAILABLE',
  'DELETE /v2/<name>/blobs/uploads/<id>: 503 UNAVAILABLE',
]

/** `404 NAME_UNKNOWN`: the answers in the tables of a route. */
function answersOf(heading: string): string[] {
  const rows = rowsOf(page, heading).filter(([status = '']) => /^[1-5]\d\d/.test(status))
  return rows.flatMap(([statuses = '', cell = '']) => {
    const codes = namesIn(cell).filter((name) => /^[A-Z_]+$/.test(name))
    return statuses
      .split(', ')
      .flatMap((status) =>
        codes.length === 0 ? [status] : codes.map((code) => `${status} ${code}`),
      )
  })
}

it('every answer of a table has a sample', () => {
  const headings = headingsOf(page).filter((text) => /^[A-Z]+ \/(?!api\/)/.test(text))
  const written = headings.flatMap((heading) =>
    answersOf(heading).map((answer) => `${heading}: ${answer}`),
  )
  const sampled = Object.entries(SAMPLES).flatMap(([heading, samples]) =>
    Object.keys(samples).map((answer) => `${heading}: ${answer}`),
  )
  expect([...new Set(written)].toSorted()).toEqual([...sampled, ...ELSEWHERE].toSorted())
})

for (const [heading, samples] of Object.entries(SAMPLES)) {
  describe(heading, () => {
    it.each(Object.entries(samples))('answers %s', async (answer, sample) => {
      const response = await sample()
      const { status } = response
      const codes = status < 400 ? [] : (await response.json<ErrorBody>()).errors
      const [first] = codes
      expect(first === undefined ? String(status) : `${status} ${first.code}`).toBe(answer)
    })
  })
}
