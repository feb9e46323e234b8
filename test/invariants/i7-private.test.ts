/**
 * I7: no byte, name, size or existence of private content reaches a request without the right to it. The content here is marked:
 * every name, text and digest of it would be recognised in an answer.
 */
import { beforeAll, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import type { Env } from '../../src/http/middleware/context.ts'
import { digestOf } from '../../src/oci/digest.ts'
import {
  bindings,
  bytesOf,
  imageManifest,
  pushBlob,
  putManifest,
  randomBytes,
  send,
} from '../support/registry.ts'

function unused(): never {
  throw new Error('no request is made')
}

const ADMIN = 'the operator’s own password'
const PASSWORD = 'correct horse battery'
const { OPEN_ACCESS: _, ...rest } = bindings
const closed: Env = { ...rest, ADMIN_PASSWORD: ADMIN, LOGIN_FAILURES_MAX: '1000' }

/** Letters and digits that stand nowhere else. */
const MARK = 'qzx7private'
const REPOSITORY = `i7/${MARK}`
const TAG = `${MARK}-tag`
const LAYER_BYTES = 4_000_037

interface Secret {
  digests: string[]
  manifest: string
  layer: string
}

let secret: Secret
let outsiders: [who: string, headers: Record<string, string>][]

function basic(user: string, password: string): string {
  return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`
}

async function administer(method: string, path: string, body: object): Promise<void> {
  const headers = { Authorization: basic('admin', ADMIN), 'Content-Type': 'application/json' }
  const init = { headers, body: JSON.stringify(body) }
  const response = await send(method, `/api/v1${path}`, init, closed)
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
}

async function tokenFor(headers: Record<string, string>, scope: string): Promise<string> {
  const response = await send(
    'GET',
    `/token?scope=${scope}&scope=registry:catalog:*`,
    { headers },
    closed,
  )
  const { token } = await response.json<{ token: string }>()
  return token
}

async function pushSecret(): Promise<Secret> {
  const config = await pushBlob(REPOSITORY, bytesOf(JSON.stringify({ config: MARK })))
  const bytes = randomBytes(LAYER_BYTES)
  bytes.set(bytesOf(MARK))
  const layer = await pushBlob(REPOSITORY, bytes)
  const subject = imageManifest(config, [layer], { annotations: { text: MARK } })
  await putManifest(REPOSITORY, TAG, subject)
  const digest = await digestOf(subject)
  const referrer = imageManifest(config, [], {
    artifactType: `application/${MARK}`,
    subject: {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest,
      size: subject.length,
    },
  })
  await putManifest(REPOSITORY, `${MARK}-referrer`, referrer)
  const digests = [digest, layer.digest, config.digest, await digestOf(referrer)]
  return { digests, manifest: digest, layer: layer.digest }
}

beforeAll(async () => {
  secret = await pushSecret()
  await pushBlob('i7/own', bytesOf('something else'))
  await administer('POST', '/accounts', { name: 'outsider', password: PASSWORD })
  for (const pattern of ['i7/own', `i7/${MARK}2`, 'i7', `i7/${MARK}/**`, 'others/**']) {
    const actions = ['pull', 'push', 'delete']
    await administer('PUT', '/grants', { principal: 'account:outsider', pattern, actions })
  }
  const password = { Authorization: basic('outsider', PASSWORD) }
  const scope = `repository:${REPOSITORY}:pull,push,delete,*`
  outsiders = [
    ['nobody', {}],
    ['a wrong password', { Authorization: basic('admin', PASSWORD) }],
    ['another account', password],
    ['its token', { Authorization: `Bearer ${await tokenFor(password, scope)}` }],
    ['an anonymous token', { Authorization: `Bearer ${await tokenFor({}, scope)}` }],
    ['rubbish', { Authorization: 'Bearer x.y.z' }],
  ]
})

/** Requests that reach for it: straight, sideways, and by what would tell that it is there. */
function attempts(): [method: string, path: string, headers?: Record<string, string>][] {
  const repository = `/v2/${REPOSITORY}`
  const { manifest, layer } = secret
  const own = '/v2/i7/own'
  return [
    ['GET', '/v2/_catalog'],
    ['GET', '/v2/_catalog?n=1000&last=i7/own'],
    ['GET', '/v2/_catalog?n=1'],
    ['GET', '/api/v1/repositories'],
    ['GET', `/api/v1/repositories?q=${MARK.slice(1)}`],
    ['GET', '/api/v1/repositories?n=1'],
    ['GET', '/api/v1/audit'],
    ['GET', '/api/v1/grants'],
    ['GET', `/api/v1/repositories/${REPOSITORY}`],
    ['GET', `/api/v1/repositories/${REPOSITORY}/manifests`],
    ['GET', `${repository}/tags/list`],
    ['GET', `${repository}/tags/list?n=1`],
    ['GET', `${repository}/manifests/${TAG}`],
    ['HEAD', `${repository}/manifests/${TAG}`],
    ['GET', `${repository}/manifests/${TAG}`, { 'If-None-Match': `"${manifest}"` }],
    ['GET', `${repository}/manifests/${manifest}`],
    [
      'GET',
      `${repository}/manifests/${TAG}`,
      { Accept: 'application/vnd.oci.image.index.v1+json' },
    ],
    ['GET', `${repository}/blobs/${layer}`],
    ['HEAD', `${repository}/blobs/${layer}`],
    ['GET', `${repository}/blobs/${layer}`, { Range: 'bytes=0-9' }],
    ['GET', `${repository}/blobs/${layer}`, { Range: 'bytes=999999999-' }],
    ['GET', `${repository}/blobs/${layer}`, { 'If-None-Match': `"${layer}"` }],
    ['GET', `${repository}/referrers/${manifest}`],
    ['GET', `${repository}/blobs/uploads/x`],
    ['POST', `${repository}/blobs/uploads/`],
    ['DELETE', `${repository}/manifests/${manifest}`],
    ['DELETE', `${repository}/manifests/${manifest}?cascade=unreachable`],
    ['DELETE', `${repository}/blobs/${layer}`],
    ['OPTIONS', `${repository}/manifests/${TAG}`],
    ['PROPFIND', `${repository}/manifests/${TAG}`],
    // The same content by a repository that is the caller's own.
    ['GET', `${own}/manifests/${manifest}`],
    ['HEAD', `${own}/blobs/${layer}`],
    ['GET', `${own}/blobs/${layer}`],
    ['GET', `${own}/referrers/${manifest}`],
    ['POST', `${own}/blobs/uploads/?mount=${layer}&from=${REPOSITORY}`],
    ['POST', `${own}/blobs/uploads/?mount=${layer}`],
    ['GET', `/v2/i7/own/../${MARK}/manifests/${TAG}`],
    ['GET', `/v2/i7%2F${MARK}/manifests/${TAG}`],
    ['GET', `/v2/i7/${MARK}%2Fx/../manifests/${TAG}`],
  ]
}

/** All that a client gets, but for what it said itself. */
async function told(response: Response, path: string): Promise<string> {
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`)
  const body = new TextDecoder('latin1').decode(await response.arrayBuffer())
  const text = [response.status, ...headers, body].join('\n')
  const said = [decodeURIComponent(path), path, ...path.split(/[/?&=]/)].filter(
    (part) => part.length > 4,
  )
  return said.reduce((left, part) => left.replaceAll(part, ''), text)
}

function tells(text: string): string[] {
  const hex = secret.digests.map((digest) => digest.slice('sha256:'.length))
  return [MARK, ...hex, String(LAYER_BYTES)].filter((mark) => text.includes(mark))
}

it('nothing of private content reaches a request without the right to it', async () => {
  for (const [who, credentials] of outsiders) {
    for (const [method, path, more = {}] of attempts()) {
      const headers = { ...credentials, ...more }
      const response = await send(method, path, { headers }, closed)
      const about = `${who}: ${method} ${path} (${response.status})`
      expect(tells(await told(response, path)), about).toEqual([])
      if (!path.startsWith(`/v2/${REPOSITORY}/`)) continue
      expect([200, 401, 403, 405], about).toContain(response.status)
      if (method !== 'OPTIONS') expect(response.ok, about).toBe(false)
    }
  }
})

it('a request with the right gets all of it, so the search for marks can find them', async () => {
  const headers = { Authorization: basic('admin', ADMIN) }
  const found = await Promise.all(
    attempts().map(async ([method, path, more = {}]) => {
      if (method !== 'GET' && method !== 'HEAD') return []
      return tells(
        await told(await send(method, path, { headers: { ...headers, ...more } }, closed), path),
      )
    }),
  )
  const marks = new Set(found.flat())
  expect(marks).toContain(MARK)
  expect(marks).toContain(String(LAYER_BYTES))
  expect(found.filter((tale) => tale.length > 0).length).toBeGreaterThan(15)
})

it('the content is still there, and in no other repository', async () => {
  const headers = { Authorization: basic('admin', ADMIN) }
  const path = `/v2/${REPOSITORY}/blobs/${secret.layer}`
  expect((await send('HEAD', path, { headers }, closed)).status).toBe(200)
  const own = `/v2/i7/own/blobs/${secret.layer}`
  expect((await send('HEAD', own, { headers }, closed)).status).toBe(404)
})

it('every route has a guard before its handler', () => {
  const routes = new Map<string, string[]>()
  for (const { method, path, handler } of createApp(unused).routes) {
    if (method === 'ALL') continue
    const route = `${method} ${path}`
    routes.set(route, [...(routes.get(route) ?? []), handler.name])
  }
  expect(routes.size).toBeGreaterThan(40)
  for (const [route, [first]] of routes) expect(`${route}: ${first}`).toBe(`${route}: guard`)
})
