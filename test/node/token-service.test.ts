/** A registry that trusts an external token service, as docker/distribution does with `auth.token`, end to end. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { libtrustKeyId } from '../../src/auth/federation/libtrust.ts'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import {
  exported,
  newCertificate,
  newParty,
  type Party,
  toBase64,
  toPem,
} from '../auth/certificates.ts'
import { forge, newSigner, publicJwk, type Signer, secondsFromNow } from '../auth/forge.ts'
import { type IssuerServer, type Realm, startIssuer } from './issuer.ts'
import { newBytes, stateFolder } from './support.ts'

const SERVICE = 'registry.example.com'
const ISSUER = 'auth.example.com'
const REALM = 'https://auth.example.com/token'

const folder = stateFolder()
let registry: LocalRegistry
let server: IssuerServer
let published: Realm
let root: Party
let leaf: Signer
let trusted: Signer
let x5c: string[]

beforeAll(async () => {
  server = await startIssuer()
  published = await server.newRealm()
  root = await newParty('root')
  const middle = await newParty('middle')
  leaf = await newSigner('leaf')
  trusted = await newSigner('trusted', 'RS256')
  trusted.kid = await libtrustKeyId(await exported('spki', trusted.keys.publicKey))
  const bundle = [
    await newCertificate({ subject: root, ca: true }),
    await newCertificate({ subject: { name: 'trusted', keys: trusted.keys } }),
  ]
  const chain = [
    await newCertificate({ subject: { name: 'leaf', keys: leaf.keys }, issuer: middle }),
    await newCertificate({ subject: middle, issuer: root, ca: true }),
  ]
  x5c = chain.map(toBase64)
  const service = {
    realm: REALM,
    service: SERVICE,
    issuer: ISSUER,
    rootcertbundle: bundle.map((certificate) => toPem(certificate)).join(''),
    jwks: `${published.issuer}/keys`,
  }
  const vars = {
    OPEN_ACCESS: 'false',
    ALLOW_LOOPBACK: 'true',
    TOKEN_AUTH: JSON.stringify(service),
  }
  registry = await startLocal({ state: folder.path, vars })
})
afterAll(async () => {
  await registry.stop()
  await server.stop()
  await folder.remove()
})

const INDEX = 'application/vnd.oci.image.index.v1+json'

function claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: ISSUER,
    aud: SERVICE,
    sub: 'jdoe',
    nbf: secondsFromNow(-10),
    iat: secondsFromNow(-10),
    exp: secondsFromNow(60),
    jti: 'x',
    access: [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }],
    ...changes,
  }
}

function request(method: string, path: string, token: string | null, init: RequestInit = {}) {
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` }
  return fetch(new URL(path, registry.url), { ...init, method, headers })
}

async function push(token: string, repository: string): Promise<number> {
  const { bytes, digest } = newBytes(100)
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`
  const response = await request('POST', path, token, { body: bytes })
  await response.arrayBuffer()
  return response.status
}

describe('a registry with an external token service', () => {
  it('sends its clients there', async () => {
    const response = await request('POST', '/v2/team/app/blobs/uploads/', null)
    expect(response.status).toBe(401)
    const challenge = response.headers.get('WWW-Authenticate') ?? ''
    expect(challenge).toContain(`Bearer realm="${REALM}",service="${SERVICE}"`)
    expect(challenge).toMatch(/scope="repository:team\/app:(?:pull,push|push,pull)"/)
  })

  it('issues no tokens itself', async () => {
    expect((await request('GET', '/token?scope=repository:team/app:pull', null)).status).toBe(404)
  })

  it.each<[string, () => Promise<string>]>([
    ['by a chain of certificates', () => forge({ typ: 'JWT', alg: 'ES256', x5c }, claims(), leaf)],
    [
      'by a libtrust key id',
      () => forge({ typ: 'JWT', alg: 'RS256', kid: trusted.kid }, claims(), trusted),
    ],
    [
      'by a key in the header, whose id is known',
      async () => {
        const jwk = await publicJwk(trusted)
        return forge({ typ: 'JWT', alg: 'RS256', jwk }, claims(), trusted)
      },
    ],
    [
      'by a published key',
      () => forge({ alg: 'ES256', kid: published.signer.kid }, claims(), published.signer),
    ],
  ])('trusts what it signs %s, for exactly what it grants', async (_how, sign) => {
    const token = await sign()
    expect((await request('GET', '/v2/', token)).status).toBe(200)
    expect(await push(token, 'team/app')).toBe(201)
    for (const other of ['team/app2', 'team', 'team/app/sub', 'other']) {
      expect(await push(token, other)).toBe(401)
    }
    expect((await request('DELETE', '/v2/team/app/manifests/latest', token)).status).toBe(401)
  })

  it('follows its rotation of keys', async () => {
    const before = published.signer
    await published.rotate({ overlap: true })
    for (const signer of [published.signer, before]) {
      const token = await forge({ alg: 'ES256', kid: signer.kid }, claims(), signer)
      expect(await push(token, 'team/app')).toBe(201)
    }
  })

  it('shows the catalog to callers to whom the service grants it', async () => {
    const whole = [{ type: 'registry', name: 'catalog', actions: ['*'] }]
    const sign = (access: unknown) => forge({ alg: 'ES256', x5c }, claims({ access }), leaf)
    // The catalog lists repositories that have a manifest.
    const index = { schemaVersion: 2, mediaType: INDEX, manifests: [] }
    const pushing = await sign(claims().access)
    const body = new TextEncoder().encode(JSON.stringify(index))
    const put = await request('PUT', '/v2/team/app/manifests/latest', pushing, { body })
    expect(put.status).toBe(201)
    const shown = await request('GET', '/v2/_catalog', await sign(whole))
    expect(await shown.json()).toMatchObject({ repositories: expect.arrayContaining(['team/app']) })
    expect((await request('GET', '/v2/_catalog', await sign([]))).status).toBe(401)
  })

  it.each<[string, () => Promise<string>]>([
    [
      'the key of a stranger under a known id',
      async () =>
        forge({ alg: 'RS256', kid: trusted.kid }, claims(), await newSigner('x', 'RS256')),
    ],
    [
      'the key of a stranger in the header under a known id',
      async () => {
        const stranger = { ...(await newSigner('x', 'RS256')), kid: trusted.kid }
        return forge({ alg: 'RS256', jwk: await publicJwk(stranger) }, claims(), stranger)
      },
    ],
    [
      'a self-signed certificate',
      async () => {
        const own = { name: 'root', keys: leaf.keys }
        const certificate = await newCertificate({ subject: own, ca: true })
        return forge({ alg: 'ES256', x5c: [toBase64(certificate)] }, claims(), leaf)
      },
    ],
    ['another audience', () => forge({ alg: 'ES256', x5c }, claims({ aud: 'other' }), leaf)],
    ['another issuer', () => forge({ alg: 'ES256', x5c }, claims({ iss: 'other' }), leaf)],
    [
      'an expiry in the past',
      () => forge({ alg: 'ES256', x5c }, claims({ exp: secondsFromNow(-60) }), leaf),
    ],
    ['no algorithm', () => forge({ alg: 'none', x5c }, claims(), null)],
  ])('refuses a token with %s', async (_what, sign) => {
    const response = await request('GET', '/v2/', await sign())
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
  })
})
