/** Tokens that are not written as one: signature, content, serialization and encoding. */
import { CompactEncrypt } from 'jose'
import {
  all,
  type BadToken,
  goodClaims,
  goodHeader,
  type Named,
  type Target,
  without,
} from './bad-token-table.ts'
import {
  base64url,
  derSignature,
  es256,
  type Part,
  signed,
  signingInput,
  utf8,
} from './forged-tokens.ts'

/** A good token whose signature is not the one. */
export async function signatures(target: Target): Promise<BadToken[]> {
  const { registry } = target
  const input = signingInput(goodHeader(target), goodClaims(target))
  const raw = await es256(registry, input)
  const flipped = Array.from({ length: 64 }, (_, at): Named<Uint8Array> => {
    const bytes = Uint8Array.from(raw)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
    return [`signature with a bit flipped in byte ${at}`, bytes]
  })
  const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
  const [r, s, zero] = [raw.slice(0, 32), raw.slice(32), new Uint8Array(32)]
  const order = Uint8Array.fromHex(
    'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  )
  const others: readonly Named<Uint8Array>[] = [
    ...[1, 2, 16, 31, 32, 33, 48, 62, 63].map(
      (length): Named<Uint8Array> => [`signature cut to ${length} bytes`, raw.slice(0, length)],
    ),
    ...[1, 2, 16, 32, 64].map(
      (more): Named<Uint8Array> => [
        `signature and ${more} bytes`,
        joined(raw, new Uint8Array(more)),
      ],
    ),
    ['signature with a zero byte before', joined(new Uint8Array(1), raw)],
    ['signature twice', joined(raw, raw)],
    ['signature as DER', derSignature(raw)],
    ['signature with r and s swapped', joined(s, r)],
    ['signature backwards', raw.slice().reverse()],
    ['signature of zeros (CVE-2022-21449)', joined(zero, zero)],
    ['signature with r = 0', joined(zero, s)],
    ['signature with s = 0', joined(r, zero)],
    ['signature with r = n', joined(order, s)],
    ['signature with s = n', joined(r, order)],
    ['signature of ones', new Uint8Array(64).fill(0xff)],
    ['signature of something else', await es256(registry, 'something else')],
    ['signature of the claims alone', await es256(registry, input.split('.')[1] ?? '')],
    ['signature of the header alone', await es256(registry, input.split('.')[0] ?? '')],
    ['signature of a token with an empty signature', await es256(registry, `${input}.`)],
  ]
  const made = await all([...flipped, ...others], (bytes) => `${input}.${base64url(bytes)}`)
  const text = base64url(raw)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const spare = Array.from({ length: 15 }, (_, index): Named<string> => {
    const last = alphabet[(alphabet.indexOf(text.slice(-1)) & ~15) | (index + 1)]
    return [`signature with spare bits ${index + 1}`, `${text.slice(0, -1)}${last}`]
  })
  const written: readonly Named<string>[] = [
    ...spare.filter(([, changed]) => changed !== text),
    ['signature with padding', `${text}==`],
    ['signature with one sign of padding', `${text}=`],
    ['signature and a sign', `${text}_`],
    ['signature in hex', raw.toHex()],
    ['signature in base64 of base64url', base64url(utf8(text))],
    ['signature with a space in it', `${text.slice(0, 40)} ${text.slice(40)}`],
    ['signature with a line feed in it', `${text.slice(0, 40)}\n${text.slice(40)}`],
    ['signature with a sign of no alphabet', `${text.slice(0, -1)}!`],
    ['signature with a sign beyond ASCII', `${text.slice(0, -1)}\u00e9`],
  ]
  return [...made, ...(await all(written, (changed) => `${input}.${changed}`))]
}

/** Other content under a signature that was real. */
export async function changedContent(target: Target): Promise<BadToken[]> {
  const [header, claims] = [goodHeader(target), goodClaims(target)]
  const raised = { type: 'repository', name: 'other/app', actions: ['*'] }
  const real = base64url(await es256(target.registry, signingInput(header, { ...claims, sub: '' })))
  const changes: readonly Named<readonly [Part, Part]>[] = [
    ['another subject', [header, claims]],
    ['a later exp', [header, { ...claims, sub: '', exp: target.now + 9000 }]],
    ['more access', [header, { ...claims, sub: '', access: [raised] }]],
    ['more to see', [header, { ...claims, sub: '', visible: ['**', 'x'] }]],
    ['a claim more', [header, { ...claims, sub: '', admin: true }]],
    ['a claim less', [header, without({ ...claims, sub: '' }, 'visible')]],
    ['claims in another order', [header, { visible: ['**'], ...claims, sub: '' }]],
    ['claims with white space', [header, JSON.stringify({ ...claims, sub: '' }, null, 1)]],
    ['no claims', [header, {}]],
    [
      'a header in another order',
      [
        { kid: target.registry.kid, typ: 'JWT', alg: 'ES256' },
        { ...claims, sub: '' },
      ],
    ],
    ['claims and header exchanged', [{ ...claims, sub: '' }, header]],
  ]
  return all(
    changes.map(([name, parts]): Named<readonly [Part, Part]> => [`signed before: ${name}`, parts]),
    ([head, body]) => `${signingInput(head, body)}.${real}`,
  )
}

/** Not three parts of base64url with dots between them. */
export async function serializations(target: Target): Promise<BadToken[]> {
  const good = await signed(target.registry, goodHeader(target), goodClaims(target))
  const [header = '', claims = '', signature = ''] = good.split('.')
  const direct = new CompactEncrypt(utf8(JSON.stringify(goodClaims(target))))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: target.registry.kid })
    .encrypt(target.registry.spki.slice(0, 32))
  const texts: readonly Named<string>[] = [
    ['empty', ''],
    ['a dot', '.'],
    ['two dots', '..'],
    ['three dots', '...'],
    ['many dots', '.'.repeat(1000)],
    ['one part', header],
    ['two parts', `${header}.${claims}`],
    ['no header', `.${claims}.${signature}`],
    ['no claims', `${header}..${signature}`],
    ['no signature', `${header}.${claims}.`],
    ['four parts', `${good}.${signature}`],
    ['four parts, the last empty', `${good}.`],
    ['a dot before', `.${good}`],
    ['five parts', `${header}.${claims}.${signature}.${claims}.${signature}`],
    ['JWE', await direct],
    ['flattened JSON', JSON.stringify({ protected: header, payload: claims, signature })],
    [
      'general JSON',
      JSON.stringify({ payload: claims, signatures: [{ protected: header, signature }] }),
    ],
    ['unsecured JSON', JSON.stringify(goodClaims(target))],
    ['a scheme before', `Bearer ${good}`],
    ['in quotes', `"${good}"`],
    ['two tokens', `${good},${good}`],
    ['two tokens with a space', `${good} ${good}`],
    ['a space before', ` ${good}`],
    ['a space behind', `${good} `],
    ['a tab behind', `${good}\t`],
    ['a line feed behind', `${good}\n`],
    ['NUL behind', `${good}\0`],
    ['a zero-width space behind', `${good}\u200b`],
    ['spaces around the dots', good.replaceAll('.', ' . ')],
    ['escaped dots', good.replaceAll('.', '%2E')],
    ['full-width dots', good.replaceAll('.', '\uff0e')],
    ['colons for dots', good.replaceAll('.', ':')],
    ['slashes for dots', good.replaceAll('.', '/')],
    ['padded header', `${header}=.${claims}.${signature}`],
    ['padded claims', `${header}.${claims}==.${signature}`],
    ['a space in the header', `${header.slice(0, 9)} ${header.slice(9)}.${claims}.${signature}`],
    [
      'a line feed in the claims',
      `${header}.${claims.slice(0, 9)}\n${claims.slice(9)}.${signature}`,
    ],
    ['in capitals', good.toUpperCase()],
    ['backwards', [...good].reverse().join('')],
    ['its beginning', good.slice(0, -1)],
    ['a key id', target.registry.kid],
    ['a word', 'undefined'],
    ['no text at all', '\u{1f433}'],
    ['a lone surrogate', `${good}\ud800`],
    ['a megabyte of A', 'A'.repeat(1_000_000)],
    ['a megabyte between dots', `${'A'.repeat(500_000)}.${'A'.repeat(500_000)}.${signature}`],
  ]
  return all(
    texts.map(([name, text]): Named<string> => [`written as: ${name}`, text]),
    (text) => text,
  )
}

/** Parts that are no JSON object in UTF-8, or are more than one; all of them signed with our key. */
export async function encodings(target: Target): Promise<BadToken[]> {
  const [header, claims] = [goodHeader(target), goodClaims(target)]
  const [headerJson, claimsJson] = [header, claims].map((part) => JSON.stringify(part))
  const utf16 = (text = '') => Uint8Array.from([...text].flatMap((char) => [char.charCodeAt(0), 0]))
  const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  const inside = (text: string) => claimsJson?.replace('"admin"', text) ?? ''
  const inner = await signed(target.registry, header, claims)
  const bodies: readonly Named<Part>[] = [
    ['empty', ''],
    ['null', 'null'],
    ['true', 'true'],
    ['a number', '1'],
    ['a string', '"claims"'],
    ['a list', '[]'],
    ['a list of them', JSON.stringify([claims])],
    ['a token', inner],
    ['a token as a string', JSON.stringify(inner)],
    ['cut off', claimsJson?.slice(0, -1) ?? ''],
    ['with more behind', `${claimsJson}{}`],
    ['with NUL behind', `${claimsJson}\0`],
    ['with a comma too many', `${claimsJson?.slice(0, -1)},}`],
    ['with a comment', `${claimsJson?.slice(0, -1)}/* */}`],
    ['in single quotes', claimsJson?.replaceAll('"', "'") ?? ''],
    ['with a byte order mark', `\ufeff${claimsJson}`],
    ['in UTF-16', utf16(claimsJson)],
    ['with a byte that is no UTF-8', bytesInside(inside('"@"'), [0xff])],
    ['with an overlong sign', bytesInside(inside('"@"'), [0xc0, 0xaf])],
    ['with a surrogate in UTF-8', bytesInside(inside('"@"'), [0xed, 0xa0, 0x80])],
    ['with a lone surrogate', inside('"\\ud800"')],
    ['with a control character', inside('"a\nb"')],
    ['with a bad escape', inside('"\\x41"')],
    ['nested', nested],
    ['nested in a claim', inside(nested)],
    ['nested objects', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`],
    ['huge', { ...claims, x: 'x'.repeat(100_000) }],
    ['form-encoded', 'sub=admin&aud=registry'],
  ]
  const heads: readonly Named<Part>[] = [
    ['empty', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['a list of it', JSON.stringify([header])],
    ['a string', '"ES256"'],
    ['cut off', headerJson?.slice(0, -1) ?? ''],
    ['with more behind', `${headerJson}x`],
    ['with a byte order mark', `\ufeff${headerJson}`],
    ['in UTF-16', utf16(headerJson)],
    ['with a byte that is no UTF-8', Uint8Array.from([...utf8(headerJson ?? ''), 0xff])],
    ['nested', nested],
    ['no JSON', 'ES256'],
  ]
  return [
    ...(await all(
      bodies.map(([name, body]): Named<Part> => [`claims: ${name}`, body]),
      (body) => signed(target.registry, header, body),
    )),
    ...(await all(
      heads.map(([name, head]): Named<Part> => [`header: ${name}`, head]),
      (head) => signed(target.registry, head, claims),
    )),
  ]
}

/** `text` with these bytes for its `@`. */
function bytesInside(text: string, bytes: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...utf8(text)].flatMap((byte) => (byte === 0x40 ? [...bytes] : [byte])))
}
