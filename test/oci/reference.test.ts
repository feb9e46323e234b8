import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatName,
  formatReference,
  isHost,
  nameOnly,
  parseName,
  parseReference,
  type Reference,
  splitHostname,
  withDigest,
  withTag,
} from '../../src/oci/reference.ts'
import vectors from '../vectors/reference.json'
import { isRefused, refusal, SHA256, SHA512 } from './support.ts'

interface Vector {
  input: string
  match: boolean
  /** The groups of the pattern, where upstream's test looks at them. */
  subs: string[] | null
}

const hosts: Vector[] = vectors.TestHostRegexp
const names: Vector[] = vectors.TestFullNameRegexp
const references: Vector[] = vectors.TestReferenceRegexp

describe('the vectors of distribution/reference', () => {
  it('are all here', () => {
    expect([hosts.length, names.length, references.length]).toEqual([20, 63, 12])
  })

  it.each(hosts)('host $input: $match', ({ input, match }) => {
    expect(isHost(input)).toBe(match)
  })

  it.each(names)('name $input: $match', ({ input, match, subs }) => {
    const split = splitHostname(input)
    expect(split !== undefined).toBe(match)
    if (split !== undefined && subs !== null) expect([split.host, split.path]).toEqual(subs)
  })

  it.each(references)('reference $input: $match', ({ input, match, subs }) => {
    expect(isRefused(() => parseReference(input))).toBe(!match)
    if (!match) return
    const reference = parseReference(input)
    expect(formatReference(reference)).toBe(input)
    const { tag = '', digest = '' } = reference
    if (subs !== null) expect([formatName(reference), tag, digest]).toEqual(subs)
  })
})

describe('parseReference', () => {
  const longest = `${'a/'.repeat(127)}a`
  it.each<[string, Reference]>([
    ['test_com', { host: '', path: 'test_com' }],
    ['test.com:5000', { host: '', path: 'test.com', tag: '5000' }],
    ['test.com/repo:tag', { host: 'test.com', path: 'repo', tag: 'tag' }],
    ['test:5000/repo', { host: 'test:5000', path: 'repo' }],
    ['test_com/foo', { host: '', path: 'test_com/foo' }],
    ['foo_bar.com:8080', { host: '', path: 'foo_bar.com', tag: '8080' }],
    ['foo/foo_bar.com:8080', { host: 'foo', path: 'foo_bar.com', tag: '8080' }],
    ['do__cker/docker', { host: '', path: 'do__cker/docker' }],
    ['Asdf.com/foo/bar', { host: 'Asdf.com', path: 'foo/bar' }],
    ['Foo/bar', { host: 'Foo', path: 'bar' }],
    ['0101.com', { host: '', path: '0101.com' }],
    ['192.168.1.1:5000/repo:5050', { host: '192.168.1.1:5000', path: 'repo', tag: '5050' }],
    ['[2001:db8::1]/repo', { host: '[2001:db8::1]', path: 'repo' }],
    ['[::1]:5000/repo:tag', { host: '[::1]:5000', path: 'repo', tag: 'tag' }],
    ['a/b/c:TAG5', { host: 'a', path: 'b/c', tag: 'TAG5' }],
    [
      'xn--n3h.com/myimage:xn--n3h.com',
      { host: 'xn--n3h.com', path: 'myimage', tag: 'xn--n3h.com' },
    ],
    [`${longest}:tag-beyond-255`, { host: 'a', path: longest.slice(2), tag: 'tag-beyond-255' }],
  ])('reads %s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected)
    expect(formatReference(parseReference(text))).toBe(text)
  })

  it.each([SHA256, SHA512])('keeps tag and digest %s', (digest) => {
    const text = `localhost:8080@${digest}`
    expect(parseReference(text)).toEqual({ host: '', path: 'localhost', tag: '8080', digest })
    expect(formatReference(parseReference(text))).toBe(text)
  })

  it.each([
    ['NAME_INVALID', ''],
    ['NAME_INVALID', ':justtag'],
    ['NAME_INVALID', `@${SHA256}`],
    ['NAME_INVALID', 'foo_bar.com:8080/app'],
    ['NAME_INVALID', 'do__cker:8080/docker'],
    ['NAME_INVALID', 'localhost:http/name'],
    ['NAME_INVALID', 'Uppercase:tag'],
    ['NAME_INVALID', 'test:5000/Uppercase/lowercase:tag'],
    ['NAME_INVALID', 'Foo/FarB'],
    ['NAME_INVALID', 'a-/a'],
    ['NAME_INVALID', 'foo/bar-'],
    ['NAME_INVALID', '-foo/bar'],
    ['NAME_INVALID', 'docker./docker'],
    ['NAME_INVALID', 'nodouble..dots'],
    ['NAME_INVALID', '__underscore'],
    ['NAME_INVALID', 'a/'],
    ['NAME_INVALID', '/a'],
    ['NAME_INVALID', 'a b'],
    ['NAME_INVALID', 'a\n'],
    ['NAME_INVALID', 'aa/asdf$$^/aa'],
    ['NAME_INVALID', '[2001:db8::1]'],
    ['NAME_INVALID', '[2001:db8::1]:5000'],
    ['NAME_INVALID', '[fe80::1%eth0]:5000/repo'],
    ['NAME_INVALID', 'https://example.com/a'],
    ['NAME_INVALID', `${longest}a`],
    ['NAME_INVALID', `${'a/'.repeat(128)}a:tag`],
    ['TAG_INVALID', 'a:'],
    ['TAG_INVALID', 'a:-b'],
    ['TAG_INVALID', 'a:b:c'],
    ['TAG_INVALID', 'a:invalid~tag'],
    ['TAG_INVALID', `a:${'b'.repeat(129)}`],
    ['DIGEST_INVALID', 'a@'],
    ['DIGEST_INVALID', 'a@b@c'],
    ['DIGEST_INVALID', 'a@sha256:badbadbadbad'],
    ['DIGEST_INVALID', `repo@sha256:${'f'.repeat(34)}`],
    ['DIGEST_INVALID', `validname@invaliddigest:${'f'.repeat(128)}`],
    ['DIGEST_INVALID', `a@sha256:${'F'.repeat(64)}`],
    ['DIGEST_INVALID', `a@${SHA256}:tag`],
  ] as const)('%s for %j', (code, text) => {
    refusal(code, () => parseReference(text))
  })

  it('says what is wrong with a name', () => {
    expect(refusal('NAME_INVALID', () => parseReference(''))).toContain('empty')
    expect(refusal('NAME_INVALID', () => parseReference('Ubuntu'))).toContain('lower-case')
    expect(refusal('NAME_INVALID', () => parseReference('a/'.repeat(200)))).toContain('255')
    expect(refusal('NAME_INVALID', () => parseReference('a/'))).toContain('components')
  })

  it('quickly checks long and crafted input', () => {
    const start = performance.now()
    for (const unit of ['a', 'a-', 'a.', 'a_', 'a/', 'a:', 'a@', '-', ':', '@', '/', '[:', 'A-']) {
      for (const length of [24, 254, 256, 100_000]) {
        const text = `${unit.repeat(length).slice(0, length)}!`
        expect(isRefused(() => parseReference(text))).toBe(true)
        expect(isRefused(() => parseReference(`example.com/${text}`))).toBe(true)
        expect(splitHostname(text)).toBeUndefined()
      }
    }
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

describe('parts of a reference', () => {
  const name = parseName('test.com:8000/foo')

  it('are put together', () => {
    expect(formatReference(withTag(name, 'TAG5'))).toBe('test.com:8000/foo:TAG5')
    expect(formatReference(withDigest(name, SHA256))).toBe(`test.com:8000/foo@${SHA256}`)
    const both = `test.com:8000/foo:latest@${SHA256}`
    expect(formatReference(withDigest(withTag(name, 'latest'), SHA256))).toBe(both)
    expect(formatReference(withTag(withDigest(name, SHA256), 'latest'))).toBe(both)
    expect(formatReference(withTag(withTag(name, 'a'), 'b'))).toBe('test.com:8000/foo:b')
  })

  it('are taken apart', () => {
    expect(nameOnly(parseReference(`a.b/c:d@${SHA256}`))).toEqual({ host: 'a.b', path: 'c' })
    expect(formatName(parseReference('a.b/c:d'))).toBe('a.b/c')
    expect(name).toEqual({ host: 'test.com:8000', path: 'foo' })
  })

  it('are checked', () => {
    refusal('TAG_INVALID', () => withTag(name, '-foo'))
    refusal('DIGEST_INVALID', () => withDigest(name, 'foo'))
    refusal('NAME_INVALID', () => parseName('foo:bar'))
    refusal('NAME_INVALID', () => parseName(`foo@${SHA256}`))
  })
})

describe('any reference', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,4}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}$/)
  const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const host = fc.stringMatching(
    /^(?:[A-Za-z0-9]{1,4}(?:-[A-Za-z0-9]{1,3})?(?:\.[A-Za-z0-9]{1,4}){0,2}|\[[a-f0-9:]{1,9}\])(?::[0-9]{1,5})?$/,
  )
  const parts = fc.record({
    host,
    path,
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/), { nil: '' }),
    digest: fc.constantFrom('', SHA256, SHA512),
  })

  it('is what its text reads as', () => {
    fc.assert(
      fc.property(parts, ({ host, path, tag, digest }) => {
        const name = parseName(`${host}/${path}`)
        const tagged = tag === '' ? name : withTag(name, tag)
        const reference = digest === '' ? tagged : withDigest(tagged, digest)
        expect(reference).toMatchObject({ host, path })
        expect(parseReference(formatReference(reference))).toEqual(reference)
      }),
      { numRuns: 500 },
    )
  })

  it('reads as upstream’s one pattern does', () => {
    const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
    const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
    const hostPattern = `(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`
    const pattern = new RegExp(
      `^(?:(${hostPattern})/)?(${component}(?:/${component})*)(?::(\\w[\\w.-]{0,127}))?$`,
    )
    const piece = fc.constantFrom('a', 'B', '0', '.', '_', '-', '/', ':', '[', ']', 'f', '80')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('')
        const match = pattern.exec(text)
        expect(isRefused(() => parseReference(text))).toBe(match === null)
        if (match === null) return
        const { host, path, tag } = parseReference(text)
        expect([host, path, tag]).toEqual([match[1] ?? '', match[2], match[3]])
      }),
      { numRuns: 5000 },
    )
  })

  it('and any other text throws nothing but RegistryError', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => void isRefused(() => parseReference(text)),
      ),
    )
  })
})
