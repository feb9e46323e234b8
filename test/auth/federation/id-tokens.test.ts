/** ID tokens: those that meet a trust rule, and every way not to. The issuer is a stub of `fetch`; test/node/oidc.test.ts has one. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { identityOfIdToken, subjectOf } from '../../../src/auth/federation/id-tokens.ts'
import { issuerProblem } from '../../../src/auth/federation/issuer-keys.ts'
import type { AuthSettings } from '../../../src/auth/login/auth-settings.ts'
import { rulesOfIssuer } from '../../../src/store/access/issuer-rules.ts'
import {
  base64url,
  bytes,
  forge,
  forgeHmac,
  newSigner,
  publicJwk,
  type Signer,
  secondsFromNow,
  withMember,
} from '../forge.ts'

const SETTINGS: AuthSettings = {
  openAccess: false,
  adminPassword: null,
  htpasswd: null,
  tokenAuth: null,
  tokenService: 'berth',
  tokenTtlSeconds: 900,
  loginFailuresMax: 10,
  allowLoopback: false,
}

/** What the stub answers, by URL. */
let answers: Map<string, unknown>
let asked: string[]
let logged: unknown[]

let key: Signer
let rsa: Signer
let stranger: Signer

const ISSUER = 'https://issuer.test'
const HEADER = { alg: 'ES256', typ: 'JWT', kid: 'one' }

beforeAll(async () => {
  key = await newSigner('one')
  rsa = await newSigner('two', 'RS256')
  stranger = await newSigner('one')
  await env.DB.batch([
    ...rule('main', ISSUER, 'berth', { repository_owner: 'octo', ref: 'refs/heads/main' }, [
      ['octo/**', ['push']],
      ['cache/*', ['pull']],
    ]),
    ...rule('tags', ISSUER, 'berth', { repository_owner: 'octo', ref: 'refs/tags/v*' }, [
      ['releases/**', ['create']],
    ]),
    ...rule('other', ISSUER, 'elsewhere', { repository_owner: 'octo' }, [['**', ['admin']]]),
    ...rule('bare', ISSUER, 'bare', { repository_owner: 'octo' }, []),
    grant('anonymous', '', 'public/**', ['pull']),
    grant('account', 'main', 'account/**', ['admin']),
    grant('authenticated', '', 'members/**', ['pull']),
  ])
})

beforeEach(async () => {
  // Every refusal is logged.
  logged = []
  vi.spyOn(console, 'log').mockImplementation((line) => logged.push(line))
  vi.spyOn(console, 'error').mockImplementation((line) => logged.push(line))
  asked = []
  answers = new Map()
  await publish(ISSUER, key, rsa)
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url)
    const answer = answers.get(url)
    if (answer instanceof Error) throw answer
    if (answer === 'never') return new Promise<never>(() => undefined)
    return answer === undefined ? new Response('', { status: 404 }) : Response.json(answer)
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

async function publish(issuer: string, ...signers: Signer[]) {
  answers.set(`${issuer}/.well-known/openid-configuration`, { issuer, jwks_uri: `${issuer}/keys` })
  answers.set(`${issuer}/keys`, { keys: await Promise.all(signers.map(publicJwk)) })
}

type NewGrant = readonly [pattern: string, actions: readonly string[]]

function rule(
  name: string,
  issuer: string,
  audience: string,
  claims: unknown,
  grants: readonly NewGrant[],
) {
  const insert = `INSERT INTO trust_rules (name, issuer, audience, claims, created_at) VALUES (?1, ?2, ?3, ?4, 0)`
  const bound = env.DB.prepare(insert).bind(name, issuer, audience, JSON.stringify(claims))
  return [bound, ...grants.map(([pattern, actions]) => grant('trust', name, pattern, actions))]
}

function grant(kind: string, principal: string, pattern: string, actions: readonly string[]) {
  const insert = `INSERT INTO grants (principal_kind, principal, pattern, actions, created_at) VALUES (?1, ?2, ?3, ?4, 0)`
  return env.DB.prepare(insert).bind(kind, principal, pattern, JSON.stringify(actions))
}

function claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: ISSUER,
    aud: 'berth',
    sub: 'repo:octo/app:ref:refs/heads/main',
    iat: secondsFromNow(-10),
    nbf: secondsFromNow(-10),
    exp: secondsFromNow(300),
    repository_owner: 'octo',
    ref: 'refs/heads/main',
    ...changes,
  }
}

function identify(token: string, settings: AuthSettings = SETTINGS) {
  return identityOfIdToken({ db: env.DB, logins: env.LOGINS, settings, address: '' }, token)
}

const isRefused = (token: string) =>
  expect(identify(token)).rejects.toMatchObject({
    status: 401,
    entries: [{ code: 'UNAUTHORIZED', message: 'the ID token was not accepted' }],
  })

const on = (rights: { on(name: string): ReadonlySet<string> }, name: string) =>
  [...rights.on(name)].sort()

describe('an ID token that meets a trust rule', () => {
  it('has its grants, and those of everybody', async () => {
    const identity = await identify(await forge(HEADER, claims(), key))
    expect(identity).toMatchObject({
      kind: 'trust',
      subject: 'oidc:issuer.test:repo:octo/app:ref:refs/heads/main',
      verifier: null,
    })
    expect(on(identity.rights, 'octo/app')).toEqual(['create', 'push'])
    expect(on(identity.rights, 'cache/app')).toEqual(['pull'])
    expect(on(identity.rights, 'public/app')).toEqual(['pull'])
    expect(identity.rights.isAdministrator).toBe(false)
    for (const name of ['releases/app', 'account/app', 'members/app', 'octo-evil/app', 'other']) {
      expect(on(identity.rights, name)).toEqual([])
    }
  })

  it.each([
    ['https://token.actions.test', 'oidc:token.actions.test:job'],
    ['https://issuer.test:8443/', 'oidc:issuer.test:8443:job'],
    ['https://keycloak.test/realms/a', 'oidc:keycloak.test/realms/a:job'],
    ['https://keycloak.test/realms/b', 'oidc:keycloak.test/realms/b:job'],
  ])('of %s is %s', (issuer, subject) => expect(subjectOf(issuer, 'job')).toBe(subject))

  it('has the grants of every rule that it meets', async () => {
    const ref = ['refs/heads/main', 'refs/tags/v1']
    const { rights } = await identify(await forge(HEADER, claims({ ref }), key))
    expect(on(rights, 'octo/app')).toEqual(['create', 'push'])
    expect(on(rights, 'releases/app')).toEqual(['create'])
  })

  it('has only the grants of everybody if the rule grants nothing', async () => {
    const { rights } = await identify(await forge(HEADER, claims({ aud: 'bare' }), key))
    expect(on(rights, 'octo/app')).toEqual([])
    expect(on(rights, 'public/app')).toEqual(['pull'])
  })

  it.each([
    ['an audience among others', { aud: ['x', 'berth'] }],
    ['an expiry within the leeway', { exp: secondsFromNow(-20) }],
    ['a beginning within the leeway', { nbf: secondsFromNow(20), iat: secondsFromNow(20) }],
    ['no beginning', { nbf: undefined }],
    ['an age of nearly a day', { iat: secondsFromNow(-86_400), nbf: undefined }],
    ['a subject of 255 characters', { sub: 's'.repeat(255) }],
    ['a subject beyond ASCII', { sub: 'repo:octo/app:ref:refs/heads/f\u00fcnf' }],
  ])('may have %s', async (_what, changes) => {
    await expect(identify(await forge(HEADER, claims(changes), key))).resolves.toBeDefined()
  })

  it.each([
    ['no type', { alg: 'ES256', kid: 'one' }],
    ['the type in full', { alg: 'ES256', kid: 'one', typ: 'application/jwt' }],
    ['no key id, where one key fits', { alg: 'ES256' }],
    ['an own key in its header, which is not used', { ...HEADER, jwk: { kty: 'EC' } }],
  ])('may have a header with %s', async (_what, header) => {
    await expect(identify(await forge(header, claims(), key))).resolves.toBeDefined()
  })

  it.each(['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'])(
    'may be signed with %s',
    async (alg) => {
      const issuer = `https://${alg.toLowerCase()}.test`
      await env.DB.batch(rule(alg, issuer, 'berth', { ref: 'refs/*' }, []))
      const signer = await newSigner('key', alg)
      await publish(issuer, signer)
      const token = await forge({ alg, kid: 'key' }, claims({ iss: issuer }), signer)
      await expect(identify(token)).resolves.toBeDefined()
    },
  )

  it('costs one D1 query', async () => {
    const prepare = vi.spyOn(env.DB, 'prepare')
    await identify(await forge(HEADER, claims(), key))
    expect(prepare).toHaveBeenCalledOnce()
  })
})

describe('an ID token is refused with one thing wrong:', () => {
  const changed = (changes: Record<string, unknown>) => () => forge(HEADER, claims(changes), key)
  const headed = (changes: Record<string, unknown>) => () =>
    forge({ ...HEADER, ...changes }, claims(), key)
  const spki = async (signer: Signer) => {
    const der = await crypto.subtle.exportKey('spki', signer.keys.publicKey)
    if (!(der instanceof ArrayBuffer)) throw new Error('not DER')
    return new Uint8Array(der)
  }
  const hmac = (alg: string) => async () => forgeHmac({ ...HEADER, alg }, claims(), await spki(key))

  const bad: [string, () => string | Promise<string>][] = [
    // Form
    ['nothing', () => ''],
    ['two dots', () => '..'],
    ['no token', () => 'password'],
    ['two parts', async () => (await changed({})()).split('.').slice(0, 2).join('.')],
    ['five parts', async () => `${await changed({})()}.x.y`],
    [
      'an empty signature',
      async () => `${(await changed({})()).split('.').slice(0, 2).join('.')}.`,
    ],
    ['a signature cut off', async () => (await changed({})()).slice(0, -4)],
    ['a signature with more behind it', async () => `${await changed({})()}AAAA`],
    ['a space in front', async () => ` ${await changed({})()}`],
    ['more than 32 KiB', changed({ padding: 'x'.repeat(32 * 1024) })],
    ['a header that is no JSON', () => forge('alg', claims(), key)],
    ['a header that is an array', () => forge('["ES256"]', claims(), key)],
    ['claims that are no object', () => forge(HEADER, '"berth"', key)],
    ['claims that are null', () => forge(HEADER, 'null', key)],
    ['claims nested deep', () => forge(HEADER, withMember(claims(), 'x', nested(40)), key)],
    // Two readings
    ['alg twice', () => forge(withMember(HEADER, 'alg', 'ES256'), claims(), key)],
    ['kid twice', () => forge(withMember(HEADER, 'kid', 'one'), claims(), key)],
    ['iss twice', () => forge(HEADER, withMember(claims(), 'iss', ISSUER), key)],
    ['sub twice', () => forge(HEADER, withMember(claims(), 'sub', 'admin'), key)],
    [
      'a condition twice',
      () => forge(HEADER, withMember(claims({ ref: 'x' }), 'ref', 'refs/heads/main'), key),
    ],
    // Signature
    ['alg none', () => forge({ ...HEADER, alg: 'none' }, claims(), null)],
    ['alg None', () => forge({ ...HEADER, alg: 'None' }, claims(), null)],
    ['alg NONE with a signature', headed({ alg: 'NONE' })],
    ['no alg', headed({ alg: undefined })],
    ['alg empty', headed({ alg: '' })],
    ['alg es256', headed({ alg: 'es256' })],
    ['alg a list', headed({ alg: ['ES256'] })],
    ['HS256 with the public key', hmac('HS256')],
    ['HS256 with the public key, called ES256', hmac('ES256')],
    [
      'HS256 with the key set',
      async () =>
        forgeHmac(
          { ...HEADER, alg: 'HS256' },
          claims(),
          bytes(JSON.stringify(await publicJwk(key))),
        ),
    ],
    ['HS384', hmac('HS384')],
    ['RS256 with a key of P-256', headed({ alg: 'RS256' })],
    ['RS256 of the key of ES256', headed({ alg: 'RS256', kid: 'two' })],
    ['PS256 of a key for RS256', () => forge({ alg: 'PS256', kid: 'two' }, claims(), rsa)],
    ['ES384 of a key of P-256', headed({ alg: 'ES384' })],
    ['encrypted', headed({ alg: 'RSA-OAEP', enc: 'A256GCM' })],
    ['the key of a stranger', () => forge(HEADER, claims(), stranger)],
    [
      'the key of a stranger, in the header',
      async () => forge({ ...HEADER, jwk: await publicJwk(stranger) }, claims(), stranger),
    ],
    [
      'the key of a stranger at an address',
      () => forge({ ...HEADER, jku: 'https://evil.test/keys' }, claims(), stranger),
    ],
    [
      'the certificate of a stranger at an address',
      () => forge({ ...HEADER, x5u: 'https://evil.test/pem' }, claims(), stranger),
    ],
    ['a chain of certificates', () => forge({ ...HEADER, x5c: ['AAAA'] }, claims(), stranger)],
    ['an unknown kid', headed({ kid: 'three' })],
    ['the kid of another key', headed({ kid: 'two' })],
    ['a kid that is a path', headed({ kid: '../../dev/null' })],
    ['a kid that is no string', headed({ kid: 1 })],
    ['a critical header', headed({ crit: ['exp'], exp: 1 })],
    ['an unencoded payload', headed({ crit: ['b64'], b64: false })],
    [
      'other claims under its signature',
      async () => resealed(await changed({ ref: 'x' })(), claims()),
    ],
    // Type
    ['an access token', headed({ typ: 'at+jwt' })],
    ['a logout token', headed({ typ: 'logout+jwt' })],
    ['a type that is no string', headed({ typ: ['JWT'] })],
    // Issuer
    ['no issuer', changed({ iss: undefined })],
    ['an issuer nobody trusts', changed({ iss: 'https://evil.test' })],
    ['an issuer with a slash at its end', changed({ iss: `${ISSUER}/` })],
    ['an issuer over http', changed({ iss: 'http://issuer.test' })],
    ['an issuer in capitals', changed({ iss: 'https://ISSUER.test' })],
    ['an issuer with a port', changed({ iss: `${ISSUER}:443` })],
    ['a longer issuer', changed({ iss: `${ISSUER}.evil.test` })],
    ['a list of issuers', changed({ iss: [ISSUER] })],
    ['an issuer with a wildcard', changed({ iss: 'https://%' })],
    // Audience
    ['no audience', changed({ aud: undefined })],
    ['an empty audience', changed({ aud: '' })],
    ['an empty list of audiences', changed({ aud: [] })],
    ['another audience', changed({ aud: 'berth2' })],
    ['an audience in capitals', changed({ aud: 'Berth' })],
    ['an audience with a slash', changed({ aud: 'berth/' })],
    ['audiences in one string', changed({ aud: 'x berth' })],
    ['audiences deeper down', changed({ aud: [['berth']] })],
    ['an audience as an object', changed({ aud: { berth: true } })],
    [
      'the audience of another rule, whose conditions it does not meet',
      changed({ aud: 'elsewhere', repository_owner: 'evil' }),
    ],
    // Times
    ['no expiry', changed({ exp: undefined })],
    ['expired', changed({ exp: secondsFromNow(-31) })],
    ['an expiry as text', changed({ exp: String(secondsFromNow(300)) })],
    ['an expiry of null', changed({ exp: null })],
    [
      'an expiry beyond numbers',
      () => forge(HEADER, JSON.stringify(claims({ exp: '@' })).replace('"@"', '1e999'), key),
    ],
    ['a beginning in the future', changed({ nbf: secondsFromNow(40) })],
    ['a beginning as text', changed({ nbf: '0' })],
    ['no time of issue', changed({ iat: undefined })],
    ['issued in the future', changed({ iat: secondsFromNow(40) })],
    ['issued more than a day ago', changed({ iat: secondsFromNow(-86_435), nbf: undefined })],
    ['issued as text', changed({ iat: String(secondsFromNow(0)) })],
    // Subject
    ['no subject', changed({ sub: undefined })],
    ['an empty subject', changed({ sub: '' })],
    ['a subject of 256 characters', changed({ sub: 's'.repeat(256) })],
    ['a subject with a line end', changed({ sub: 'octo\nadmin' })],
    ['a subject with a null', changed({ sub: 'octo\u0000' })],
    ['a subject that turns the direction of text', changed({ sub: 'octo\u202e' })],
    ['a subject that is no string', changed({ sub: 1 })],
    // Conditions
    ['an owner that begins alike', changed({ repository_owner: 'octo-evil' })],
    ['an owner that ends alike', changed({ repository_owner: 'evil-octo' })],
    ['an owner in capitals', changed({ repository_owner: 'Octo' })],
    ['no owner', changed({ repository_owner: undefined })],
    ['an owner of null', changed({ repository_owner: null })],
    ['an owner in an object', changed({ repository_owner: { name: 'octo' } })],
    ['the owner under another name', changed({ repository_owner: undefined, owner: 'octo' })],
    ['a wildcard as owner', changed({ repository_owner: '*' })],
    ['a branch that begins alike', changed({ ref: 'refs/heads/main2' })],
    ['a branch below', changed({ ref: 'refs/heads/main/x' })],
    ['a tag that is called like the branch', changed({ ref: 'refs/tags/main' })],
    ['a tag in capitals', changed({ ref: 'refs/tags/V1' })],
    ['one condition met and the other not', changed({ ref: 'refs/heads/dev' })],
  ]

  it.each(bad)('%s', async (_what, token) => {
    await isRefused(await token())
  })

  it('never leads to a request to an address in its header', async () => {
    for (const header of [{ jku: 'https://evil.test/keys' }, { x5u: 'https://evil.test/pem' }]) {
      await isRefused(await forge({ ...HEADER, ...header, kid: 'new' }, claims(), stranger))
    }
    expect(asked.filter((url) => url.includes('evil'))).toEqual([])
  })

  it('is logged with the reason, and without the token', async () => {
    const token = await forge(HEADER, claims({ exp: secondsFromNow(-100) }), key)
    await isRefused(token)
    expect(logged).toHaveLength(1)
    expect(JSON.parse(String(logged[0]))).toMatchObject({
      message: 'an ID token was refused',
      reason: '"exp" claim timestamp check failed',
      issuer: ISSUER,
    })
    for (const part of token.split('.')) expect(String(logged[0])).not.toContain(part)
  })

  it.each([
    'https://nobody.test',
    'https://issuer.test/',
    'https://issuer.tes',
    'https://issuer.test.evil.test',
    'https://ISSUER.test',
    'https://issuer.tes_',
    'https://issuer.%',
  ])('leads to no request if no rule names exactly its issuer: %s', async (iss) => {
    expect(await rulesOfIssuer(env.DB, iss)).toEqual({ rules: [], anonymous: [] })
    await isRefused(await forge(HEADER, claims({ iss }), key))
    expect(asked).toEqual([])
  })
})

describe('a trust rule that nobody validated', () => {
  it.each([
    ['no conditions', {}],
    ['a star alone', { repository_owner: '*' }],
    ['a condition on the issuer', { iss: 'https://*' }],
    ['a list', ['octo']],
    ['numbers', { repository_owner: 1 }],
    ['null', null],
  ])('is never met: %s', async (what, conditions) => {
    const issuer = `https://${what.replaceAll(' ', '-')}.test`
    await publish(issuer, key)
    await env.DB.batch(rule(what, issuer, 'berth', conditions, [['**', ['admin']]]))
    await isRefused(await forge(HEADER, claims({ iss: issuer }), key))
  })
})

/** A fresh issuer, with a rule that every token of these tests meets. */
async function newIssuer(host: string, ...signers: Signer[]): Promise<string> {
  const issuer = `https://${host}.test`
  await env.DB.batch(rule(host, issuer, 'berth', { repository_owner: 'octo' }, []))
  await publish(issuer, ...signers)
  return issuer
}

/** Moves the clock, and with it the times of tokens made from here on. */
function pass(seconds: number) {
  const now = Date.now()
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(now + seconds * 1000)
}

describe("an issuer's keys", () => {
  const tokenOf = (issuer: string, signer: Signer) =>
    forge({ alg: signer.alg, kid: signer.kid }, claims({ iss: issuer }), signer)
  const isAccepted = async (issuer: string, signer: Signer) =>
    expect(identify(await tokenOf(issuer, signer))).resolves.toMatchObject({ kind: 'trust' })

  it('are fetched once, and again after ten minutes', async () => {
    const issuer = await newIssuer('once', key)
    for (let round = 0; round < 3; round += 1) await isAccepted(issuer, key)
    expect(asked).toEqual([`${issuer}/.well-known/openid-configuration`, `${issuer}/keys`])
    pass(9 * 60)
    await isAccepted(issuer, key)
    expect(asked).toHaveLength(2)
    pass(2 * 60)
    await isAccepted(issuer, key)
    expect(asked).toHaveLength(4)
  })

  it('are fetched once for requests that come together', async () => {
    const issuer = await newIssuer('together', key)
    await Promise.all(Array.from({ length: 10 }, () => isAccepted(issuer, key)))
    expect(asked).toHaveLength(2)
  })

  it('are fetched once for requests that come together with a new key', async () => {
    const next = await newSigner('next')
    const issuer = await newIssuer('new-together', key)
    await isAccepted(issuer, key)
    await publish(issuer, key, next)
    await Promise.all(Array.from({ length: 10 }, () => isAccepted(issuer, next)))
    expect(asked).toHaveLength(4)
  })

  it('are not fetched again right after a fetch', async () => {
    const issuer = await newIssuer('just-now', key)
    await isRefused(await tokenOf(issuer, { ...stranger, kid: 'x' }))
    expect(asked).toHaveLength(2)
  })

  it('are fetched by another request if the first one never ends', async () => {
    const issuer = await newIssuer('gone', key)
    answers.set(`${issuer}/keys`, 'never')
    const first = identify(await tokenOf(issuer, key)).catch(() => undefined)
    await vi.waitFor(() => expect(asked).toHaveLength(2))
    await publish(issuer, key)
    const second = isAccepted(issuer, key)
    pass(13)
    await second
    expect(asked).toHaveLength(4)
    void first
  })

  it('may be rotated with an overlap in which both are published', async () => {
    const next = await newSigner('next')
    const issuer = await newIssuer('overlap', key)
    await isAccepted(issuer, key)
    await publish(issuer, key, next)
    await isAccepted(issuer, next)
    await isAccepted(issuer, key)
  })

  it('may be rotated at once: the old key is refused when the set is read again', async () => {
    const next = await newSigner('next')
    const issuer = await newIssuer('at-once', key)
    await isAccepted(issuer, key)
    await publish(issuer, next)
    await isAccepted(issuer, next)
    await isRefused(await tokenOf(issuer, key))
  })

  it('are fetched for unknown key ids once in 30 seconds at most', async () => {
    const issuer = await newIssuer('cooldown', key)
    await isAccepted(issuer, key)
    const flood = async () => {
      for (let n = 0; n < 20; n += 1) {
        await isRefused(await forge({ ...HEADER, kid: `k${n}` }, claims({ iss: issuer }), stranger))
      }
    }
    await flood()
    expect(asked).toHaveLength(4)
    pass(31)
    await flood()
    expect(asked).toHaveLength(6)
    await isAccepted(issuer, key)
  })

  it('are fetched again soon after a failure, but not by every request', async () => {
    const issuer = await newIssuer('failing', key)
    answers.set(`${issuer}/keys`, new Error('connection refused'))
    for (let round = 0; round < 3; round += 1) await isRefused(await tokenOf(issuer, key))
    expect(asked).toHaveLength(2)
    await publish(issuer, key)
    pass(6)
    await isAccepted(issuer, key)
  })

  it('are used for an hour while they cannot be fetched again', async () => {
    const issuer = await newIssuer('down', key)
    await isAccepted(issuer, key)
    answers.set(`${issuer}/keys`, new Error('connection refused'))
    pass(59 * 60)
    await isAccepted(issuer, key)
    pass(2 * 60)
    await isRefused(await tokenOf(issuer, key))
  })

  it.each<[string, unknown]>([
    ['of another issuer', { issuer: 'https://evil.test', jwks_uri: 'https://issuer.test/keys' }],
    [
      'of the issuer with a slash',
      { issuer: 'https://@.test/', jwks_uri: 'https://issuer.test/keys' },
    ],
    ['without an issuer', { jwks_uri: 'https://issuer.test/keys' }],
    ['without keys', { issuer: 'https://@.test' }],
    ['with keys over http', { issuer: 'https://@.test', jwks_uri: 'http://issuer.test/keys' }],
    ['with keys on this machine', { issuer: 'https://@.test', jwks_uri: 'https://127.0.0.1/keys' }],
    ['with keys at an address', { issuer: 'https://@.test', jwks_uri: 'https://10.0.0.1/keys' }],
    ['that is a list', []],
  ])('are not accepted from a discovery document %s', async (what, document) => {
    const host = what.replaceAll(' ', '-')
    const issuer = await newIssuer(host, key)
    // All of these addresses would serve the right keys.
    const keys = answers.get(`${issuer}/keys`)
    for (const url of ['http://issuer.test', 'https://127.0.0.1', 'https://10.0.0.1']) {
      answers.set(`${url}/keys`, keys)
    }
    const text = JSON.stringify(document).replaceAll('@', host)
    answers.set(`${issuer}/.well-known/openid-configuration`, JSON.parse(text))
    await isRefused(await tokenOf(issuer, key))
  })

  it.each([
    ['https://gitlab.internal', 'belongs to a private network'],
    ['https://issuer.example.com:444', 'the port must be 443, or 1024 or above'],
  ])(
    'are not fetched from %s, although an old rule names it, and the log says why',
    async (issuer, why) => {
      await env.DB.batch(rule(issuer, issuer, 'berth', { repository_owner: 'octo' }, []))
      await publish(issuer, key)
      await isRefused(await tokenOf(issuer, key))
      expect(asked).toEqual([])
      expect(JSON.stringify(logged)).toContain(why)
    },
  )

  it.each<[string, (jwk: Record<string, unknown>) => unknown]>([
    ['no set', () => []],
    ['a set without keys', () => ({})],
    ['an empty set', () => ({ keys: [] })],
    ['a set of strings', () => ({ keys: ['one'] })],
    ['a symmetric key', () => ({ keys: [{ kty: 'oct', kid: 'one', alg: 'HS256', k: 'AAAA' }] })],
    ['a key for encryption', (jwk) => ({ keys: [{ ...jwk, use: 'enc' }] })],
    ['a key for another algorithm', (jwk) => ({ keys: [{ ...jwk, alg: 'ES384' }] })],
    ['two keys of one id', (jwk) => ({ keys: [jwk, jwk] })],
    ['a key without its id', (jwk) => ({ keys: [{ ...jwk, kid: undefined }] })],
    ['a key off the curve', (jwk) => ({ keys: [{ ...jwk, y: jwk.x }] })],
  ])('are not accepted from %s', async (what, keySet) => {
    const issuer = await newIssuer(what.replaceAll(' ', '-'), key)
    answers.set(`${issuer}/keys`, keySet(await publicJwk(key)))
    await isRefused(await tokenOf(issuer, key))
    const secret = Uint8Array.from([0, 0, 0])
    await isRefused(await forgeHmac({ ...HEADER, alg: 'HS256' }, claims({ iss: issuer }), secret))
  })

  it('may be published with a symmetric one', async () => {
    const issuer = await newIssuer('beside', key)
    const symmetric = { kty: 'oct', kid: 'one', alg: 'HS256', k: 'AAAA' }
    answers.set(`${issuer}/keys`, { keys: [symmetric, await publicJwk(key)] })
    await isAccepted(issuer, key)
    const secret = Uint8Array.from([0, 0, 0])
    await isRefused(await forgeHmac({ ...HEADER, alg: 'HS256' }, claims({ iss: issuer }), secret))
  })

  it('may be published with entries that are not keys', async () => {
    const issuer = await newIssuer('no-keys', key)
    answers.set(`${issuer}/keys`, { keys: [null, 'one', { kid: 'two' }, await publicJwk(key)] })
    await isAccepted(issuer, key)
  })

  it('are found below a path, with or without a slash at its end', async () => {
    for (const issuer of ['https://path.test/realm/', 'https://path.test/realm']) {
      await env.DB.batch(rule(issuer, issuer, 'berth', { repository_owner: 'octo' }, []))
      await publish('https://path.test/realm', key)
      answers.set('https://path.test/realm/.well-known/openid-configuration', {
        issuer,
        jwks_uri: 'https://path.test/realm/keys',
      })
      await isAccepted(issuer, key)
    }
  })
})

describe('issuerProblem', () => {
  it.each([
    'https://token.actions.githubusercontent.com',
    'https://gitlab.example.com:8443',
    'https://tenant.example.com/',
    'https://login.example.com/realms/ci',
    'https://login.example.com/realms/ci/',
  ])('finds no problem in %s', (issuer) => {
    expect(issuerProblem(issuer, false)).toBeNull()
  })

  it.each([
    ['', /https:\/\//],
    ['issuer.example.com', /https:\/\//],
    ['http://issuer.example.com', /https:\/\//],
    ['https://10.0.0.1', /address/],
    ['https://gitlab.internal', /private network/],
    ['https://gitlab', /no dot/],
    ['https://issuer.example.com:444', /port/],
    ['https://user@issuer.example.com', /credentials/],
    ['https://issuer.example.com?x=1', /query/],
    ['https://issuer.example.com/#x', /fragment/],
    ['https://issuer.example.com?', /plain form/],
    ['https://issuer.example.com#', /fragment/],
    ['https://issuer.example.com ', /spaces/],
    [' https://issuer.example.com', /spaces/],
    ['https://issuer.example.com\n', /control characters/],
    ['https://issuer.example.com//', /plain form/],
    ['https://issuer.example.com/a/../b', /plain form/],
    ['https://issuer.example.com/a b', /spaces/],
    ['https://issuer.example.com/a"b', /plain form/],
    ['https://issuer.example.com\\a', /backslashes/],
    ['https://issuer.example.com:443', /plain form/],
    ['https://Issuer.example.com', /plain form/],
    ['HTTPS://issuer.example.com', /plain form/],
    ['https:issuer.example.com', /https:\/\//],
    [`https://issuer.example.com/${'a'.repeat(255)}`, /255/],
  ])('names the problem of %j', (issuer, problem) => {
    expect(issuerProblem(issuer, true)).toMatch(problem)
    expect(issuerProblem(issuer, false)).toMatch(problem)
  })

  it('allows this machine if the operator allows it', () => {
    expect(issuerProblem('http://127.0.0.1:8080', false)).toMatch(/https:\/\//)
    expect(issuerProblem('http://127.0.0.1:8080', true)).toBeNull()
  })
})

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)]
}

/** The header and signature of a token around other claims. */
function resealed(token: string, other: Record<string, unknown>): string {
  const [header, , signature] = token.split('.')
  return [header, base64url(bytes(JSON.stringify(other))), signature].join('.')
}
