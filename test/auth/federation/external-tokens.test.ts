/** Tokens of an external token service: the ways that docker/distribution takes them, and every way not to. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { verifyExternalToken } from '../../../src/auth/federation/external-tokens.ts'
import { libtrustKeyId } from '../../../src/auth/federation/libtrust.ts'
import { parseTokenService } from '../../../src/auth/federation/token-service.ts'
import type { AuthSettings } from '../../../src/auth/login/auth-settings.ts'
import { exported, newCertificate, newParty, type Party, toBase64, toPem } from '../certificates.ts'
import {
  base64url,
  bytes,
  forge,
  forgeHmac,
  newSigner,
  type Part,
  publicJwk,
  type Signer,
  secondsFromNow,
  withMember,
} from '../forge.ts'

const ISSUER = 'auth.example.com'
const SERVICE = 'registry.example.com'
const BASE = { realm: 'https://auth.example.com/token', service: SERVICE, issuer: ISSUER }

const ACCESS = [
  { type: 'repository', name: 'team/app', actions: ['pull', 'push'] },
  { type: 'repository', class: 'image', name: 'other', actions: null },
]

let root: Party
let middle: Party
let leaf: Party
let stranger: Signer
let key: Signer
let inline: Signer

/** DER. */
let rootCertificate: Uint8Array
let keyCertificate: Uint8Array
let chain: string[]
let kid: string
let service: AuthSettings

/** What the stub of `fetch` answers, by URL. */
let answers: Map<string, unknown>
let asked: string[]

beforeAll(async () => {
  root = await newParty('root')
  middle = await newParty('middle')
  leaf = await newParty('leaf')
  key = await newSigner('unused')
  inline = await newSigner('inline')
  stranger = await newSigner('inline')
  rootCertificate = await newCertificate({ subject: root, ca: true })
  keyCertificate = await newCertificate({ subject: { name: 'key', keys: key.keys } })
  chain = [
    toBase64(await newCertificate({ subject: leaf, issuer: middle })),
    toBase64(await newCertificate({ subject: middle, issuer: root, ca: true })),
  ]
  kid = await libtrustKeyId(await exported('spki', key.keys.publicKey))
  service = configured({
    rootcertbundle: toPem(rootCertificate) + toPem(keyCertificate),
    jwks: { keys: [await publicJwk(inline)] },
  })
})

beforeEach(() => {
  vi.spyOn(console, 'log').mockReturnValue()
  vi.spyOn(console, 'error').mockReturnValue()
  asked = []
  answers = new Map()
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url)
    return answers.has(url) ? Response.json(answers.get(url)) : new Response('', { status: 404 })
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** `wasLocal`: whether this machine was allowed when the configuration was read; it is not now. */
function configured(extra: Record<string, unknown>, wasLocal = false): AuthSettings {
  return {
    openAccess: false,
    adminPassword: null,
    htpasswd: null,
    tokenAuth: parseTokenService(JSON.stringify({ ...BASE, ...extra }), wasLocal),
    tokenService: 'berth',
    tokenTtlSeconds: 900,
    loginFailuresMax: 10,
    allowLoopback: false,
  }
}

function claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: ISSUER,
    aud: SERVICE,
    sub: 'jdoe',
    iat: secondsFromNow(-10),
    nbf: secondsFromNow(-10),
    exp: secondsFromNow(300),
    jti: 'tYJCO1c6cnyy7kAn0c7rKPgbV1H1bFws',
    access: ACCESS,
    ...changes,
  }
}

const signerOf = ({ keys }: Party, alg = 'ES256'): Signer => ({ kid: '', alg, keys })

async function accepts(token: string, settings = service) {
  expect(await verifyExternalToken(settings, token)).toMatchObject({ subject: 'jdoe' })
}

async function refuses(token: string, settings = service) {
  expect(await verifyExternalToken(settings, token)).toBeNull()
}

describe('a token of the service', () => {
  const verified = async (changes: Record<string, unknown>) =>
    verifyExternalToken(service, await forge({ alg: 'ES256', kid }, claims(changes), key))

  it('identifies its bearer and the bearer’s rights', async () => {
    expect(await verified({})).toEqual({
      subject: 'jdoe',
      access: [
        { type: 'repository', name: 'team/app', actions: ['pull', 'push'] },
        { type: 'repository', name: 'other', actions: [] },
      ],
      visible: [],
    })
  })

  it.each([
    ['none', undefined],
    ['null', null],
    ['an empty list', []],
  ])('may do nothing with access of %s', async (_what, access) => {
    expect(await verified({ access, sub: undefined })).toEqual({
      subject: '',
      access: [],
      visible: [],
    })
  })

  it.each([
    ['registry', 'catalog', ['*'], null],
    ['registry', 'catalog', ['pull'], []],
    ['registry', 'Catalog', ['*'], []],
    ['repository', 'catalog', ['*'], []],
    ['registry', '', ['*'], []],
  ])('shows the catalog with %s:%s:%j: %j', async (type, name, actions, visible) => {
    expect(await verified({ access: [{ type, name, actions }] })).toMatchObject({ visible })
  })

  it('may be signed by a key of the bundle, under its libtrust id', async () => {
    await accepts(await forge({ typ: 'JWT', alg: 'ES256', kid }, claims(), key))
  })

  it('may be signed by a key of the bundle, under its RFC 7638 id', async () => {
    const { crv, kty, x, y } = await publicJwk(key)
    const hash = await crypto.subtle.digest('SHA-256', bytes(JSON.stringify({ crv, kty, x, y })))
    await accepts(await forge({ alg: 'ES256', kid: base64url(hash) }, claims(), key))
  })

  it('may be signed by a key of the inline set', async () => {
    await accepts(await forge({ alg: 'ES256', kid: 'inline' }, claims(), inline))
  })

  it('may come with the chain of its certificate', async () => {
    await accepts(await forge({ typ: 'JWT', alg: 'ES256', x5c: chain }, claims(), signerOf(leaf)))
  })

  it('may come with a certificate of the bundle itself', async () => {
    const x5c = [toBase64(keyCertificate)]
    await accepts(await forge({ alg: 'ES256', x5c }, claims(), key))
  })

  it('may carry its key in the header, as libtrust does: the trusted key of that id is used', async () => {
    const jwk = { ...(await publicJwk(key)), kid }
    await accepts(await forge({ typ: 'JWT', alg: 'ES256', jwk }, claims(), key))
  })

  it.each([
    ['an audience among others', { aud: ['x', SERVICE] }],
    ['an expiry within the leeway', { exp: secondsFromNow(-20) }],
    ['a beginning within the leeway', { nbf: secondsFromNow(20) }],
    ['no beginning and no time of issue', { nbf: undefined, iat: undefined }],
    ['other claims', { context: { 'com.example': [1] } }],
  ])('may have %s', async (_what, changes) => {
    expect(await verified(changes)).not.toBeNull()
  })

  it.each([
    ['ES384', 'P-384'],
    ['ES512', 'P-521'],
    ['RS256', 'RSA'],
    ['PS256', 'RSA'],
    ['EdDSA', 'Ed25519'],
  ] as const)('may be signed with %s by a key of a certificate', async (alg, kind) => {
    const party = await newParty('signer', kind)
    const certificate = await newCertificate({ subject: party, ca: true })
    const settings = configured({ rootcertbundle: toPem(certificate) })
    const signer = { kid: '', alg, keys: alg === 'PS256' ? await pssKeys(party) : party.keys }
    const id = await libtrustKeyId(await exported('spki', party.keys.publicKey))
    await accepts(await forge({ alg, kid: id }, claims(), signer), settings)
    await accepts(await forge({ alg, x5c: [toBase64(certificate)] }, claims(), signer), settings)
  })

  it('may be signed by a public key that was given without a certificate', async () => {
    const spki = new Uint8Array(await exported('spki', key.keys.publicKey))
    const settings = configured({ rootcertbundle: toPem(spki, 'PUBLIC KEY') })
    await accepts(await forge({ alg: 'ES256', kid }, claims(), key), settings)
    await refuses(await forge({ alg: 'ES256', x5c: chain }, claims(), signerOf(leaf)), settings)
  })

  it('may be signed by a key whose certificate was renewed', async () => {
    const renewed = await newCertificate({ subject: { name: 'key', keys: key.keys } })
    const bundle = toPem(keyCertificate) + toPem(renewed)
    const settings = configured({ rootcertbundle: bundle })
    await accepts(await forge({ alg: 'ES256', kid }, claims(), key), settings)
  })
})

describe('a token is refused with one thing wrong:', () => {
  const changed = (changes: Record<string, unknown>) => () =>
    forge({ alg: 'ES256', kid }, claims(changes), key)
  const headed = (changes: Record<string, unknown>) => () =>
    forge({ alg: 'ES256', kid, ...changes }, claims(), key)
  const byStranger = (header: Record<string, unknown>) => () =>
    forge({ alg: 'ES256', ...header }, claims(), stranger)
  const chained = (x5c: unknown, party: Party = leaf, header: Part = { alg: 'ES256', x5c }) =>
    forge(header, claims(), signerOf(party))
  const publicPem = async () =>
    toPem(new Uint8Array(await exported('spki', key.keys.publicKey)), 'PUBLIC KEY')
  const strangeJwk = async () => ({ ...(await publicJwk(stranger)), kid })
  const day = 24 * 60 * 60 * 1000
  const past = { validFrom: new Date(Date.now() - 9 * day), validTo: new Date(Date.now() - day) }

  const bad: [string, () => string | Promise<string>][] = [
    // Form
    ['nothing', () => ''],
    ['no token', () => 'x.y.z'],
    ['no signature', async () => `${(await changed({})()).split('.').slice(0, 2).join('.')}.`],
    ['a signature cut off', async () => (await changed({})()).slice(0, -4)],
    ['four parts', async () => `${await changed({})()}.x`],
    ['more than 32 KiB', changed({ padding: 'x'.repeat(32 * 1024) })],
    ['claims that are a list', () => forge({ alg: 'ES256', kid }, '[]', key)],
    // Two readings
    ['alg twice', () => forge(withMember({ alg: 'none', kid }, 'alg', 'ES256'), claims(), key)],
    ['kid twice', () => forge(withMember({ alg: 'ES256', kid: 'x' }, 'kid', kid), claims(), key)],
    ['access twice', () => forge({ alg: 'ES256', kid }, withMember(claims(), 'access', []), key)],
    [
      'aud twice',
      () => forge({ alg: 'ES256', kid }, withMember(claims({ aud: 'x' }), 'aud', SERVICE), key),
    ],
    [
      'an entry with two names',
      () =>
        forge(
          { alg: 'ES256', kid },
          JSON.stringify(claims()).replace('"name":"other"', '"name":"x","name":"other"'),
          key,
        ),
    ],
    // Signature
    ['alg none', () => forge({ alg: 'none', kid }, claims(), null)],
    ['alg nOnE', () => forge({ alg: 'nOnE', kid }, claims(), null)],
    [
      'HS256 with the public key',
      async () => forgeHmac({ alg: 'HS256', kid }, claims(), bytes(await publicPem())),
    ],
    [
      'HS256 with the certificate',
      async () => forgeHmac({ alg: 'HS256', kid }, claims(), keyCertificate),
    ],
    [
      'HS256 with the set',
      async () =>
        forgeHmac(
          { alg: 'HS256', kid: 'inline' },
          claims(),
          bytes(JSON.stringify(await publicJwk(inline))),
        ),
    ],
    ['ES384 of a key of P-256', headed({ alg: 'ES384' })],
    ['RS256 of a key of P-256', headed({ alg: 'RS256' })],
    ['a critical header', headed({ crit: ['x'], x: 1 })],
    ['the key of a stranger under our id', byStranger({})],
    ['the key of a stranger under the id of the set', byStranger({ kid: 'inline' })],
    ['another trusted key than it says', () => forge({ alg: 'ES256', kid }, claims(), inline)],
    ['an unknown id', headed({ kid: 'AAAA:BBBB' })],
    ['an id in small letters', async () => headed({ kid: kid.toLowerCase() })()],
    ['an id that is no string', headed({ kid: 7 })],
    ['an empty id', headed({ kid: '' })],
    ['no id', headed({ kid: undefined })],
    [
      'the key of a stranger in the header, under our id',
      async () => byStranger({ kid, jwk: await strangeJwk() })(),
    ],
    [
      'the key of a stranger in the header, with our id in it',
      async () => byStranger({ jwk: await strangeJwk() })(),
    ],
    [
      'the key of a stranger in the header alone',
      async () => byStranger({ jwk: { ...(await strangeJwk()), kid: undefined } })(),
    ],
    [
      'the key of a stranger in the header, with a chain of ours',
      async () => byStranger({ jwk: { ...(await strangeJwk()), kid: undefined, x5c: chain } })(),
    ],
    [
      'the key of a stranger at an address',
      byStranger({ kid: 'new', jku: 'https://evil.test/keys' }),
    ],
    [
      'the certificate of a stranger at an address',
      byStranger({ kid: 'new', x5u: 'https://evil.test/pem' }),
    ],
    // Chains
    ['a chain that another key signs with', () => chained(chain, signerAsParty())],
    ['a chain that the intermediate signs with', () => chained(chain, middle)],
    ['a chain that the root signs with', () => chained(chain, root)],
    [
      'a self-signed certificate',
      async () =>
        chained(
          [toBase64(await newCertificate({ subject: signerAsParty(), ca: true }))],
          signerAsParty(),
        ),
    ],
    [
      'a self-signed certificate with our root behind it',
      async () =>
        chained(
          [
            toBase64(await newCertificate({ subject: signerAsParty(), ca: true })),
            toBase64(rootCertificate),
          ],
          signerAsParty(),
        ),
    ],
    [
      'a self-signed certificate and an id of ours',
      async () =>
        chained(null, signerAsParty(), {
          alg: 'ES256',
          kid,
          x5c: [toBase64(await newCertificate({ subject: signerAsParty() }))],
        }),
    ],
    [
      'a good key id and a chain that is bad',
      () => forge({ alg: 'ES256', kid, x5c: ['AAAA'] }, claims(), key),
    ],
    [
      'a good key id and an empty chain',
      () => forge({ alg: 'ES256', kid, x5c: [] }, claims(), key),
    ],
    [
      'an expired leaf',
      async () =>
        chained([toBase64(await newCertificate({ subject: leaf, issuer: root, ...past }))]),
    ],
    [
      'an expired intermediate',
      async () =>
        chained([
          chain[0],
          toBase64(await newCertificate({ subject: middle, issuer: root, ca: true, ...past })),
        ]),
    ],
    [
      'a leaf that acts as CA',
      async () =>
        chained(
          [toBase64(await newCertificate({ subject: signerAsParty(), issuer: leaf })), ...chain],
          signerAsParty(),
        ),
    ],
    ['a chain that does not reach the root', () => chained(chain.slice(0, 1))],
    [
      'a chain to another root',
      async () => {
        const namesake = await newParty('root')
        return chained([
          toBase64(await newCertificate({ subject: leaf, issuer: namesake })),
          toBase64(await newCertificate({ subject: namesake, ca: true })),
        ])
      },
    ],
    ['a chain in the wrong order', () => chained([...chain].reverse())],
    ['a chain of more than five', () => chained([...chain, ...chain, ...chain])],
    ['a chain as one string', () => chained(chain.join(''))],
    [
      'a chain in base64url',
      () => chained(chain.map((text) => base64url(Uint8Array.fromBase64(text)))),
    ],
    ['a chain in PEM', () => chained([toPem(Uint8Array.fromBase64(chain[0] ?? '')), chain[1]])],
    // Type
    ['an access token of OAuth', headed({ typ: 'at+jwt' })],
    ['a refresh token', headed({ typ: 'refresh+jwt' })],
    // Claims
    ['no issuer', changed({ iss: undefined })],
    ['another issuer', changed({ iss: 'evil.example.com' })],
    ['an issuer with a slash', changed({ iss: `${ISSUER}/` })],
    ['a list of issuers', changed({ iss: [ISSUER] })],
    ['no audience', changed({ aud: undefined })],
    ['another audience', changed({ aud: 'other.example.com' })],
    ['a longer audience', changed({ aud: `${SERVICE}.evil.test` })],
    ['audiences in one string', changed({ aud: `x ${SERVICE}` })],
    ['an audience as an object', changed({ aud: { [SERVICE]: 1 } })],
    ['an empty list of audiences', changed({ aud: [] })],
    ['no expiry', changed({ exp: undefined })],
    ['expired', changed({ exp: secondsFromNow(-31) })],
    ['expired long ago', changed({ exp: 0 })],
    ['an expiry as text', changed({ exp: '9999999999' })],
    [
      'an expiry beyond numbers',
      () =>
        forge(
          { alg: 'ES256', kid },
          JSON.stringify(claims({ exp: '@' })).replace('"@"', '1e999'),
          key,
        ),
    ],
    ['a beginning in the future', changed({ nbf: secondsFromNow(40) })],
    ['a beginning as text', changed({ nbf: '1' })],
    ['a subject that is no string', changed({ sub: { name: 'jdoe' } })],
    [
      'access as an object',
      changed({ access: { type: 'repository', name: 'a', actions: ['pull'] } }),
    ],
    ['access as text', changed({ access: 'repository:a:pull' })],
    ['access with a null in it', changed({ access: [null] })],
    ['access without a name', changed({ access: [{ type: 'repository', actions: ['pull'] }] })],
    ['actions as text', changed({ access: [{ type: 'repository', name: 'a', actions: 'pull' }] })],
    [
      'actions that are numbers',
      changed({ access: [{ type: 'repository', name: 'a', actions: [1] }] }),
    ],
  ]

  function signerAsParty(): Party {
    return { name: 'stranger', keys: stranger.keys }
  }

  it.each(bad)('%s', async (_what, token) => {
    await refuses(await token())
    expect(asked).toEqual([])
  })

  it('without a service', async () => {
    await refuses(await changed({})(), { ...service, tokenAuth: null })
  })

  it('signed with an algorithm that is not configured', async () => {
    const jwks = { keys: [await publicJwk(inline)] }
    const token = await forge({ alg: 'ES256', kid: 'inline' }, claims(), inline)
    await accepts(token, configured({ jwks, signingalgorithms: ['RS256', 'ES256'] }))
    await accepts(token, configured({ jwks, signingalgorithms: [] }))
    await refuses(token, configured({ jwks, signingalgorithms: ['RS256'] }))
  })
})

describe('keys at an address', () => {
  const tokenOf = (signer: Signer) => forge({ alg: 'ES256', kid: signer.kid }, claims(), signer)

  it('are kept for ten minutes, and fetched again for an unknown id once in 30 seconds', async () => {
    const jwks = 'https://auth.example.com/keys'
    const settings = configured({ jwks })
    answers.set(jwks, { keys: [await publicJwk(inline)] })
    for (let round = 0; round < 3; round += 1) await accepts(await tokenOf(inline), settings)
    expect(asked).toEqual([jwks])
    const next = await newSigner('next')
    answers.set(jwks, { keys: [await publicJwk(inline), await publicJwk(next)] })
    await accepts(await tokenOf(next), settings)
    await refuses(await tokenOf({ ...stranger, kid: 'x' }), settings)
    expect(asked).toHaveLength(2)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31_000 })
    await refuses(await tokenOf({ ...stranger, kid: 'x' }), settings)
    expect(asked).toHaveLength(3)
    vi.setSystemTime(Date.now() + 11 * 60_000)
    await accepts(await tokenOf(next), settings)
    expect(asked).toHaveLength(4)
  })

  it('are used besides those of the bundle, which are found without a request', async () => {
    const jwks = 'https://auth.example.com/beside'
    const settings = configured({ jwks, rootcertbundle: toPem(keyCertificate) })
    answers.set(jwks, { keys: [await publicJwk(inline)] })
    await accepts(await forge({ alg: 'ES256', kid }, claims(), key), settings)
    expect(asked).toEqual([])
    await accepts(await tokenOf(inline), settings)
    await refuses(await tokenOf(stranger), settings)
  })

  it('are not fetched for a token without an id, or for another service', async () => {
    const settings = configured({ jwks: 'https://auth.example.com/never' })
    await refuses(await forge({ alg: 'ES256' }, claims(), inline), settings)
    await refuses(await forge({ alg: 'ES256', kid: 'x' }, claims({ aud: 'x' }), inline), settings)
    await refuses(await forge({ alg: 'none', kid: 'x' }, claims(), null), settings)
    expect(asked).toEqual([])
  })

  it('may be on this machine only if that is allowed', async () => {
    const jwks = 'http://127.0.0.1:9/keys'
    for (const url of [jwks, `${jwks}/2`]) answers.set(url, { keys: [await publicJwk(inline)] })
    const settings = configured({ jwks }, true)
    await refuses(await tokenOf(inline), settings)
    expect(asked).toEqual([])
    await accepts(await tokenOf(inline), {
      ...configured({ jwks: `${jwks}/2` }, true),
      allowLoopback: true,
    })
  })
})

describe('parseTokenService', () => {
  const parse = (value: unknown) => parseTokenService(JSON.stringify(value), false)
  const jwks = 'https://auth.example.com/keys'

  it('reads what the original takes', () => {
    const rootcertbundle = `a comment\n${toPem(rootCertificate)}\n${toPem(keyCertificate)}`
    expect(parse({ ...BASE, rootcertbundle, signingalgorithms: ['ES256'] })).toMatchObject({
      ...BASE,
      algorithms: ['ES256'],
      keySetUrl: null,
      keySet: null,
    })
    expect(parse({ ...BASE, rootcertbundle }).certificates).toHaveLength(2)
    expect(parse({ ...BASE, jwks }).keySetUrl).toBe(jwks)
    expect(parse({ ...BASE, jwks }).algorithms).not.toContain('HS256')
  })

  it.each<[string, unknown, RegExp]>([
    ['no object', [], /object/],
    ['no realm', { ...BASE, jwks, realm: undefined }, /realm/],
    ['no service', { ...BASE, jwks, service: undefined }, /service/],
    ['no issuer', { ...BASE, jwks, issuer: undefined }, /issuer/],
    ['an empty issuer', { ...BASE, jwks, issuer: '' }, /issuer/],
    ['a realm that is no URL', { ...BASE, jwks, realm: 'auth' }, /realm/],
    ['a realm with a quote', { ...BASE, jwks, realm: 'https://a/"' }, /realm/],
    ['a service with a line end', { ...BASE, jwks, service: 'a\r\nb' }, /service/],
    ['a service with a quote', { ...BASE, jwks, service: 'a"b' }, /service/],
    ['a service with a backslash', { ...BASE, jwks, service: 'a\\b' }, /service/],
    ['neither keys nor certificates', BASE, /rootcertbundle or jwks/],
    ['a path to a bundle', { ...BASE, rootcertbundle: '/root.pem' }, /not a path/],
    ['a bundle that is empty', { ...BASE, rootcertbundle: '' }, /not a path/],
    ['a certificate that is none', { ...BASE, rootcertbundle: pemOf('CERTIFICATE') }, /block 1/],
    ['a key that is none', { ...BASE, rootcertbundle: pemOf('PUBLIC KEY') }, /block 1/],
    ['a private key', { ...BASE, rootcertbundle: pemOf('PRIVATE KEY') }, /block 1: neither/],
    ['keys over http', { ...BASE, jwks: 'http://auth.example.com/keys' }, /jwks as the https URL/],
    ['keys of a private network', { ...BASE, jwks: 'https://auth.internal/' }, /private network/],
    ['a path to keys', { ...BASE, jwks: '/jwks.json' }, /jwks as the https URL/],
    ['no keys', { ...BASE, jwks: { keys: [] } }, /jwks as/],
    ['a set that is none', { ...BASE, jwks: { key: 1 } }, /jwks/],
    ['a symmetric key', { ...BASE, jwks: { keys: [{ kty: 'oct', kid: 'a', k: 'AA' }] } }, /jwks/],
    [
      'a private key in the set',
      { ...BASE, jwks: { keys: [{ kty: 'EC', kid: 'a', d: 'AA' }] } },
      /public keys/,
    ],
    ['a key without an id', { ...BASE, jwks: { keys: [{ kty: 'EC' }] } }, /jwks/],
    [
      'two keys of one id',
      {
        ...BASE,
        jwks: {
          keys: [
            { kty: 'EC', kid: 'a' },
            { kty: 'EC', kid: 'a' },
          ],
        },
      },
      /jwks as/,
    ],
    ['a symmetric algorithm', { ...BASE, jwks, signingalgorithms: ['HS256'] }, /signingalgorithms/],
    ['no algorithm', { ...BASE, jwks, signingalgorithms: ['none'] }, /signingalgorithms/],
    [
      'an unknown algorithm',
      { ...BASE, jwks, signingalgorithms: ['ES256', 'es384'] },
      /signingalgorithms as a list of some of ES256/,
    ],
    ['a misspelt name', { ...BASE, jwks, rootCertBundle: 'x' }, /rootCertBundle/],
    ['what is not supported', { ...BASE, jwks, autoredirect: true }, /autoredirect/],
  ])('refuses %s', (_what, value, problem) => {
    expect(() => parse(value)).toThrow(problem)
  })

  it('refuses text that is not JSON', () => {
    expect(() => parseTokenService('realm: x', false)).toThrow(/JSON object/)
  })

  it('refuses keys of other kinds', async () => {
    // An X25519 key, as RFC 8410, 4 writes it.
    const spki = Uint8Array.fromHex(`302a300506032b656e032100${'07'.repeat(32)}`)
    expect(() => parse({ ...BASE, rootcertbundle: toPem(spki, 'PUBLIC KEY') })).toThrow(/block 1/)
  })
})

function pemOf(label: string): string {
  return toPem(Uint8Array.of(0x30, 0), label)
}

/** The same keys for RSASSA-PSS, which the certificate does not know of. */
async function pssKeys({ keys }: Party): Promise<CryptoKeyPair> {
  const pkcs8 = await exported('pkcs8', keys.privateKey)
  const algorithm = { name: 'RSA-PSS', hash: 'SHA-256' }
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign'])
  return { publicKey: keys.publicKey, privateKey }
}
