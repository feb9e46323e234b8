/** Tokens with another algorithm, key, key id or header than the registry's. */
import {
  all,
  type BadToken,
  type Claims,
  goodClaims,
  goodHeader,
  type Named,
  OTHER_TYPES,
  type Target,
  without,
} from './bad-token-table.ts'
import {
  base64url,
  bytesOf,
  es256,
  fromBase64url,
  hmacSigned,
  type Part,
  signed,
  signingInput,
  strangerForger,
  utf8,
} from './forged-tokens.ts'

const NONE = ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'none\0', '']
const ALGORITHMS: readonly Named<unknown>[] = [
  ...['ES384', 'ES512', 'ES256K', 'RS256', 'RS512', 'PS256', 'EdDSA', 'Ed25519'],
  ...['HS256', 'HS384', 'HS512', 'dir', 'A128KW', 'es256', 'ES256 ', ' ES256', 'ES-256', 'ES256\0'],
].map((alg): Named<unknown> => [JSON.stringify(alg), alg])

/** `alg` says something else: unsigned, or signed as ever. */
export async function algorithms(target: Target): Promise<BadToken[]> {
  const header = (alg: unknown) => ({ ...goodHeader(target), alg })
  const claims = goodClaims(target)
  const none = NONE.map((alg): Named<string> => [`alg ${JSON.stringify(alg)}`, alg])
  return [
    ...(await all(
      none.map(([name, alg]) => [`${name}, no signature`, alg]),
      (alg) => `${signingInput(header(alg), claims)}.`,
    )),
    ...(await all(
      none.map(([name, alg]) => [`${name}, two parts`, alg]),
      (alg) => signingInput(header(alg), claims),
    )),
    ...(await all(
      [...none, ...ALGORITHMS.map(([name, alg]): Named<unknown> => [`alg ${name}`, alg])].map(
        ([name, alg]): Named<unknown> => [`${name}, a real signature`, alg],
      ),
      (alg) => signed(target.registry, header(alg), claims),
    )),
    ...(await all(
      [...OTHER_TYPES, ['a number', 256], ['a list', ['ES256']]].map(
        ([name, alg]): Named<unknown> => [`alg is ${name}`, alg],
      ),
      (alg) => signed(target.registry, header(alg), claims),
    )),
    {
      name: 'no alg',
      token: await signed(target.registry, without(goodHeader(target), 'alg'), claims),
    },
  ]
}

/** An HMAC under what everybody may know: the public key in any form, or nothing. */
export async function sharedSecrets(target: Target): Promise<BadToken[]> {
  const { registry } = target
  const { spki, publicJwk, kid } = registry
  const body = spki.toBase64().replace(/(.{64})/g, '$1\n')
  const pem = `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`
  const { kty, crv, x = '', y = '' } = publicJwk
  const secrets: readonly Named<Part>[] = [
    ['PEM', pem],
    ['PEM and a line feed', `${pem}\n`],
    ['PEM with CRLF', pem.replaceAll('\n', '\r\n')],
    ['DER', spki],
    ['DER in base64', spki.toBase64()],
    ['DER in base64url', base64url(spki)],
    ['DER in hex', spki.toHex()],
    ['the point', spki.slice(-65)],
    ['the point without its type', spki.slice(-64)],
    ['x', fromBase64url(x)],
    ['x in base64url', x],
    ['the JWK', JSON.stringify(publicJwk)],
    ['the canonical JWK of RFC 7638', JSON.stringify({ crv, kty, x, y })],
    ['the key id', kid],
    ['nothing', '\0'],
    ['the name of the service', target.service],
  ]
  const made = (['256', '384', '512'] as const).map((bits) =>
    all(
      secrets.map(([name, secret]): Named<Part> => [`HS${bits} under ${name}`, secret]),
      (secret) =>
        hmacSigned(
          bits,
          bytesOf(secret),
          { ...goodHeader(target), alg: `HS${bits}` },
          goodClaims(target),
        ),
    ),
  )
  const hidden = await all([['ES256 that is an HMAC under DER', spki]], (secret) =>
    hmacSigned('512', secret, goodHeader(target), goodClaims(target)),
  )
  return [...(await Promise.all(made)).flat(), ...hidden]
}

/** Another key, which the token brings along, or says where to find. */
export async function foreignKeys(target: Target): Promise<BadToken[]> {
  const { registry } = target
  const stranger = await strangerForger('WXYZ:'.repeat(12).slice(0, -1))
  const { publicJwk, spki } = stranger
  const claims = goodClaims(target)
  const jwks = `data:application/json,${encodeURIComponent(JSON.stringify({ keys: [publicJwk] }))}`
  const brought: readonly Named<Claims>[] = [
    ['nothing', {}],
    ['jwk', { jwk: publicJwk }],
    ['jwk with our kid', { jwk: { ...publicJwk, kid: registry.kid } }],
    ['jwk with our alg and use', { jwk: { ...publicJwk, alg: 'ES256', use: 'sig' } }],
    ['jku', { jku: 'https://attacker.example/jwks.json' }],
    ['jku in a data URL', { jku: jwks }],
    ['jku of this machine', { jku: 'http://127.0.0.1/jwks.json' }],
    ['x5u', { x5u: 'https://attacker.example/chain.pem' }],
    ['x5c', { x5c: [spki.toBase64()] }],
    ['x5c that is a string', { x5c: spki.toBase64() }],
    ['x5t', { x5t: base64url(spki.slice(0, 20)) }],
    ['x5t#S256', { 'x5t#S256': base64url(spki.slice(0, 32)) }],
    ['all of them', { jwk: publicJwk, jku: jwks, x5u: jwks, x5c: [spki.toBase64()] }],
  ]
  const kids: readonly Named<Claims>[] = [
    ['our kid', { kid: registry.kid }],
    ['its own kid', { kid: stranger.kid }],
    ['no kid', { kid: undefined }],
  ]
  const theirs = kids.flatMap(([kidName, kid]) =>
    brought.map(
      ([name, extra]): Named<Claims> => [
        `another key, ${kidName}, ${name}`,
        { ...goodHeader(target), ...kid, ...extra },
      ],
    ),
  )
  const ours = brought
    .slice(1)
    .map(
      ([name, extra]): Named<Claims> => [
        `our key, and ${name}`,
        { ...goodHeader(target), ...extra },
      ],
    )
  return [
    ...(await all(theirs, (header) => signed(stranger, header, claims))),
    ...(await all(ours, (header) => signed(registry, header, claims))),
    ...(await all(
      [['our public key as jwk, no kid', { alg: 'ES256', typ: 'JWT', jwk: registry.publicJwk }]],
      (header) => signed(registry, header, claims),
    )),
  ]
}

/** Signed with our key, under a name that it does not have. */
export async function keyIds(target: Target): Promise<BadToken[]> {
  const { kid } = target.registry
  const kids: readonly Named<unknown>[] = [
    ['lower case', kid.toLowerCase()],
    ['a space behind', `${kid} `],
    ['a space before', ` ${kid}`],
    ['NUL behind', `${kid}\0`],
    ['its beginning', kid.slice(0, -1)],
    ['more behind', `${kid}A`],
    ['without colons', kid.replaceAll(':', '')],
    ['empty', ''],
    ['a path', '../../../../dev/null'],
    ['SQL', "' OR '1'='1"],
    ['SQL that has our kid', `x' UNION SELECT '${kid}`],
    ['a wildcard', '%'],
    ['a URL', 'https://attacker.example/key'],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['very long', 'A'.repeat(10_000)],
    ['a list', [kid]],
    ['an object', { kid }],
    ['a number', 0],
    ['null', null],
    ['true', true],
    ['absent', undefined],
  ]
  return all(
    kids.map(([name, value]): Named<unknown> => [`kid: ${name}`, value]),
    (value) => signed(target.registry, { ...goodHeader(target), kid: value }, goodClaims(target)),
  )
}

/** Header members that change the meaning, or that nobody knows; and tokens of another purpose. */
export async function headers(target: Target): Promise<BadToken[]> {
  const changes: readonly Named<Claims>[] = [
    ['crit exp', { crit: ['exp'] }],
    ['crit that names its own member', { crit: ['x'], x: 1 }],
    ['crit b64', { crit: ['b64'], b64: true }],
    ['crit b64 false', { crit: ['b64'], b64: false }],
    ['b64 false', { b64: false }],
    ['b64 true', { b64: true }],
    ['empty crit', { crit: [] }],
    ['crit that is a string', { crit: 'exp' }],
    ['crit that is null', { crit: null }],
    ['crit twice the same', { crit: ['b64', 'b64'], b64: false }],
    ['zip', { zip: 'DEF' }],
    ['cty', { cty: 'JWT' }],
    ['enc', { enc: 'A256GCM' }],
    ['an unknown member', { x: 1 }],
    ['a claim in the header', { sub: 'admin' }],
    ['__proto__', JSON.parse('{"__proto__":{"alg":"none"}}')],
    ['typ of a refresh token', { typ: 'refresh+jwt' }],
    ['typ at+jwt', { typ: 'at+jwt' }],
    ['typ JOSE', { typ: 'JOSE' }],
    ['typ in lower case', { typ: 'jwt' }],
    ['typ as a media type', { typ: 'application/JWT' }],
    ['empty typ', { typ: '' }],
    ['typ that is null', { typ: null }],
    ['typ that is a list', { typ: ['JWT'] }],
    ['no typ', { typ: undefined }],
  ]
  const unencoded = `${base64url(utf8(JSON.stringify({ ...goodHeader(target), crit: ['b64'], b64: false })))}.${JSON.stringify(goodClaims(target))}`
  return [
    ...(await all(
      changes.map(([name, extra]): Named<Claims> => [`header: ${name}`, extra]),
      (extra) => signed(target.registry, { ...goodHeader(target), ...extra }, goodClaims(target)),
    )),
    {
      name: 'header: b64 false, and claims that are not encoded',
      token: `${unencoded}.${base64url(await es256(target.registry, unencoded))}`,
    },
  ]
}
