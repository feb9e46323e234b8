/** Chains of certificates: those that end at a trusted one, and one test for each way that they do not. */
import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { verifiedLeaf } from '../../../src/auth/federation/certificate-chain.ts'
import {
  type CertificateOptions,
  newCertificate,
  newParty,
  type Party,
  toBase64,
} from '../certificates.ts'

const DAY = 24 * 60 * 60 * 1000
const YESTERDAY = new Date(Date.now() - DAY)
const TOMORROW = new Date(Date.now() + DAY)
const LONG_AGO = new Date(Date.now() - 9 * DAY)

let root: Party
let middle: Party
let lower: Party
let leaf: Party
let stranger: Party

beforeAll(async () => {
  root = await newParty('root')
  middle = await newParty('middle')
  lower = await newParty('lower')
  leaf = await newParty('leaf')
  stranger = await newParty('stranger')
})

type Changes = Partial<CertificateOptions>

/** A chain of a leaf, an intermediate and a root, each with changes. */
async function chain(changes: { leaf?: Changes; middle?: Changes; root?: Changes } = {}) {
  const anchor = await newCertificate({ subject: root, ca: true, ...changes.root })
  const intermediate = { subject: middle, issuer: root, ca: true, ...changes.middle }
  const certificates = [
    await newCertificate({ subject: leaf, issuer: middle, ...changes.leaf }),
    await newCertificate(intermediate),
  ]
  return { x5c: certificates.map(toBase64), anchor: toBase64(anchor) }
}

function verify(x5c: unknown, ...anchors: string[]) {
  const trusted = anchors.map((text) => new X509Certificate(Buffer.from(text, 'base64')))
  return verifiedLeaf(x5c, trusted).subject
}

describe('a chain that is good', () => {
  it('ends at an intermediate that the root certified', async () => {
    const { x5c, anchor } = await chain()
    expect(verify(x5c, anchor)).toBe('CN=leaf')
  })

  it('may have the root at its end', async () => {
    const { x5c, anchor } = await chain()
    expect(verify([...x5c, anchor], anchor)).toBe('CN=leaf')
  })

  it('may be longer than it needs to be trusted', async () => {
    const { x5c, anchor } = await chain()
    expect(verify([...x5c, x5c[0]], anchor)).toBe('CN=leaf')
  })

  it('may have two intermediates', async () => {
    const { anchor } = await chain()
    const certificates = [
      await newCertificate({ subject: leaf, issuer: lower }),
      await newCertificate({ subject: lower, issuer: middle, ca: true, pathLength: 0 }),
      await newCertificate({ subject: middle, issuer: root, ca: true, pathLength: 1 }),
    ]
    expect(verify(certificates.map(toBase64), anchor)).toBe('CN=leaf')
  })

  it('may be a trusted certificate alone, self-signed or not', async () => {
    const { x5c, anchor } = await chain()
    expect(verify([anchor], anchor)).toBe('CN=root')
    expect(verify(x5c.slice(0, 1), ...x5c.slice(0, 1))).toBe('CN=leaf')
  })

  it('may end at an intermediate that is trusted itself', async () => {
    const { x5c } = await chain()
    expect(verify(x5c, ...x5c.slice(1))).toBe('CN=leaf')
  })

  it('may end at any of several roots, of which some have the same name', async () => {
    const { x5c, anchor } = await chain()
    const namesake = await newParty('root')
    const other = await newCertificate({ subject: namesake, ca: true })
    expect(verify(x5c, toBase64(other), anchor)).toBe('CN=leaf')
  })

  it.each(['P-384', 'P-521', 'RSA', 'Ed25519'] as const)(
    'may be signed by a key of %s',
    async (kind) => {
      const signer = await newParty('signer', kind)
      const certificate = await newCertificate({ subject: leaf, issuer: signer })
      const anchor = await newCertificate({ subject: signer, ca: true, keyUsage: 0x04 })
      expect(verify([toBase64(certificate)], toBase64(anchor))).toBe('CN=leaf')
    },
  )

  it('may use purposes and names that are critical', async () => {
    for (const critical of ['551d11', '551d25']) {
      const { x5c, anchor } = await chain({ leaf: { critical } })
      expect(verify(x5c, anchor)).toBe('CN=leaf')
    }
  })
})

describe('a chain is refused with one thing wrong:', () => {
  const expired = { validFrom: LONG_AGO, validTo: YESTERDAY }
  const future = { validFrom: TOMORROW, validTo: new Date(Date.now() + 9 * DAY) }

  it.each([
    ['an expired leaf', { leaf: expired }, /expired/],
    ['an expired intermediate', { middle: expired }, /expired/],
    ['an expired root', { root: expired }, /expired/],
    ['a leaf of tomorrow', { leaf: future }, /not valid yet/],
    ['an intermediate of tomorrow', { middle: future }, /not valid yet/],
    ['an intermediate that is no CA', { middle: { ca: false } }, /not certified/],
    ['a root that is no CA', { root: { ca: false } }, /does not end at/],
    ['an intermediate for signatures only', { middle: { keyUsage: 0x80 } }, /not certified/],
    ['a root for signatures only', { root: { keyUsage: 0x80 } }, /does not end at/],
    ['a leaf signed with SHA-1', { leaf: { hash: 'SHA-1' } }, /not certified/],
    ['an intermediate signed with SHA-1', { middle: { hash: 'SHA-1' } }, /does not end at/],
    ['name constraints', { middle: { critical: '551d1e' } }, /critical/],
    ['name constraints at the root', { root: { critical: '551d1e' } }, /critical/],
    ['an unknown critical extension of the leaf', { leaf: { critical: '2a0304' } }, /critical/],
    ['a root that allows no intermediates', { root: { pathLength: 0 } }, /does not end at/],
  ] satisfies [string, Parameters<typeof chain>[0], RegExp][])(
    '%s',
    async (_what, changes, why) => {
      const { x5c, anchor } = await chain(changes)
      expect(() => verify(x5c, anchor)).toThrow(why)
    },
  )

  it('an intermediate below one that allows none', async () => {
    const { anchor } = await chain()
    const certificates = [
      await newCertificate({ subject: leaf, issuer: lower }),
      await newCertificate({ subject: lower, issuer: middle, ca: true }),
      await newCertificate({ subject: middle, issuer: root, ca: true, pathLength: 0 }),
    ]
    expect(() => verify(certificates.map(toBase64), anchor)).toThrow(/not certified/)
  })

  it('a leaf that certified another one', async () => {
    const { x5c, anchor } = await chain()
    const below = await newCertificate({ subject: stranger, issuer: leaf })
    expect(() => verify([toBase64(below), ...x5c], anchor)).toThrow(/not certified/)
  })

  it('a self-signed leaf, alone or with the root behind it', async () => {
    const { anchor } = await chain()
    const own = toBase64(await newCertificate({ subject: stranger, ca: true }))
    expect(() => verify([own], anchor)).toThrow(/does not end at/)
    expect(() => verify([own, anchor], anchor)).toThrow(/not certified/)
  })

  it('a root of the same name and another key', async () => {
    const { anchor } = await chain()
    const namesake = await newParty('root')
    const forged = await newCertificate({ subject: leaf, issuer: namesake })
    const forgedRoot = await newCertificate({ subject: namesake, ca: true })
    expect(() => verify([toBase64(forged)], anchor)).toThrow(/does not end at/)
    expect(() => verify([toBase64(forged), toBase64(forgedRoot)], anchor)).toThrow(
      /does not end at/,
    )
    expect(() => verify([toBase64(forged), anchor], anchor)).toThrow(/not certified/)
  })

  it("the right key's signature under another issuer's name", async () => {
    const { anchor } = await chain()
    const alias = { ...root, name: 'someone else' }
    const certificate = await newCertificate({ subject: leaf, issuer: alias })
    expect(() => verify([toBase64(certificate)], anchor)).toThrow(/does not end at/)
  })

  it('one byte of it changed', async () => {
    const { x5c, anchor } = await chain()
    const bytes = Uint8Array.fromBase64(x5c[0] ?? '')
    bytes[60] = (bytes[60] ?? 0) ^ 1
    expect(() => verify([toBase64(bytes), x5c[1]], anchor)).toThrow()
  })

  it('in the wrong order, or with a link left out', async () => {
    const { x5c, anchor } = await chain()
    expect(verify([...x5c].reverse(), anchor)).toBe('CN=middle')
    expect(() => verify(x5c.slice(0, 1), anchor)).toThrow(/does not end at/)
  })

  it('no root at all', async () => {
    const { x5c } = await chain()
    expect(() => verify(x5c)).toThrow(/does not end at/)
  })

  it('longer than five', async () => {
    const { x5c, anchor } = await chain()
    expect(verify([...x5c, anchor, anchor, anchor], anchor)).toBe('CN=leaf')
    expect(() => verify([...x5c, anchor, anchor, anchor, anchor], anchor)).toThrow(/at most 5/)
  })

  it('no certificates in it', async () => {
    const { x5c, anchor } = await chain()
    const url = (x5c[0] ?? '').replaceAll('+', '-').replaceAll('/', '_')
    for (const value of [[], [''], ['AAAA'], [1], [null], [{}], 'AAAA', {}, null, [`${url}-_`]]) {
      expect(() => verify(value, anchor)).toThrow()
    }
  })

  it('an entry that is too long to be read', async () => {
    const { anchor } = await chain()
    expect(verify([anchor + ' '.repeat(100)], anchor)).toBe('CN=root')
    expect(() => verify([anchor + ' '.repeat(8192)], anchor)).toThrow(/not a certificate/)
  })
})
