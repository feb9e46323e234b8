import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  familiarName,
  formatFamiliar,
  parseAnyReference,
  parseFamiliarReference,
  parsePullReference,
  withDefaultTag,
} from '../../src/oci/familiar-reference.ts'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { isRefused, refusal, SHA256 } from './support.ts'

const IMAGE_ID = '1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a'

describe('parseFamiliarReference', () => {
  it.each([
    ['ubuntu', 'docker.io/library/ubuntu', 'ubuntu'],
    ['library/ubuntu', 'docker.io/library/ubuntu', 'ubuntu'],
    ['docker.io/ubuntu', 'docker.io/library/ubuntu', 'ubuntu'],
    ['index.docker.io/ubuntu', 'docker.io/library/ubuntu', 'ubuntu'],
    ['index.docker.io/fooo/bar', 'docker.io/fooo/bar', 'fooo/bar'],
    ['docker.io/library/foo/bar', 'docker.io/library/foo/bar', 'library/foo/bar'],
    ['other/library', 'docker.io/other/library', 'other/library'],
    ['test_com/foo', 'docker.io/test_com/foo', 'test_com/foo'],
    ['ubuntu:22.04', 'docker.io/library/ubuntu:22.04', 'ubuntu:22.04'],
    [`ubuntu:a@${SHA256}`, `docker.io/library/ubuntu:a@${SHA256}`, `ubuntu:a@${SHA256}`],
    ['localhost/a', 'localhost/a', 'localhost/a'],
    ['localhost:5000/a', 'localhost:5000/a', 'localhost:5000/a'],
    [
      '127.0.0.1:8000/private/moonbase',
      '127.0.0.1:8000/private/moonbase',
      '127.0.0.1:8000/private/moonbase',
    ],
    ['Foo/bar', 'Foo/bar', 'Foo/bar'],
    ['example.com/library/a', 'example.com/library/a', 'example.com/library/a'],
    ['[fc00::1]:5000/docker', '[fc00::1]:5000/docker', '[fc00::1]:5000/docker'],
    ['192.168.0.1:80', 'docker.io/library/192.168.0.1:80', '192.168.0.1:80'],
    // Shorter forms of these would read as another host, or as an image id.
    ['docker.io/localhost/a', 'docker.io/localhost/a', 'docker.io/localhost/a'],
    ['docker.io/a.b/c', 'docker.io/a.b/c', 'docker.io/a.b/c'],
    [`docker.io/${IMAGE_ID}`, `docker.io/library/${IMAGE_ID}`, `library/${IMAGE_ID}`],
    [`${IMAGE_ID}:a`, `docker.io/library/${IMAGE_ID}:a`, `${IMAGE_ID}:a`],
  ])('%s is %s, in short %s', (text, full, short) => {
    const reference = parseFamiliarReference(text)
    expect(formatReference(reference)).toBe(full)
    expect(formatFamiliar(reference)).toBe(short)
    expect(parseFamiliarReference(short)).toEqual(reference)
  })

  it.each([
    ['NAME_INVALID', ''],
    ['NAME_INVALID', IMAGE_ID],
    ['NAME_INVALID', 'docker/'],
    ['NAME_INVALID', '-docker'],
    ['NAME_INVALID', 'docker/Docker'],
    ['NAME_INVALID', 'docker.io/docker/Docker'],
    ['NAME_INVALID', 'docker///docker'],
    ['NAME_INVALID', 'dock_.er/docker'],
    ['NAME_INVALID', 'https://github.com/docker/docker'],
    ['NAME_INVALID', '[fc00::1]:5000'],
    ['NAME_INVALID', 'fc00::1:5000/debian'],
    // The host that is filled in counts towards the 255 characters.
    ['NAME_INVALID', 'a'.repeat(240)],
    ['TAG_INVALID', 'ubuntu:-'],
    ['DIGEST_INVALID', 'ubuntu@sha256:abc'],
  ] as const)('%s for %j', (code, text) => {
    refusal(code, () => parseFamiliarReference(text))
  })

  it('reads the short form of any full reference as that reference', () => {
    const word = fc.constantFrom('library', 'localhost', 'a', 'a.b', 'a_b', 'docker.io', IMAGE_ID)
    const text = fc
      .tuple(
        fc.array(word, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', ':t', `@${SHA256}`),
      )
      .map(([words, suffix]) => `docker.io/${words.join('/')}${suffix}`)
    fc.assert(
      fc.property(text, (full) => {
        const reference = parseReference(full)
        const isFamiliar = formatReference(parseFamiliarReference(full)) === full
        if (!isFamiliar) return
        expect(parseFamiliarReference(formatFamiliar(reference))).toEqual(reference)
      }),
      { numRuns: 1000 },
    )
  })

  it('throws nothing but RegistryError', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        isRefused(() => parseFamiliarReference(text))
        isRefused(() => parseAnyReference(text))
      }),
    )
  })
})

describe('parseAnyReference', () => {
  it.each([
    [IMAGE_ID, { digest: `sha256:${IMAGE_ID}` }],
    [SHA256, { digest: SHA256 }],
    ['redis', { host: 'docker.io', path: 'library/redis' }],
    [IMAGE_ID.slice(1), { host: 'docker.io', path: `library/${IMAGE_ID.slice(1)}` }],
    [IMAGE_ID.toUpperCase(), 'NAME_INVALID'],
  ])('%s', (text, expected) => {
    if (expected === 'NAME_INVALID') refusal(expected, () => parseAnyReference(text))
    else expect(parseAnyReference(text)).toEqual(expected)
  })
})

describe('tags that nobody typed', () => {
  it('withDefaultTag adds latest to a bare name only', () => {
    expect(withDefaultTag(parseReference('a')).tag).toBe('latest')
    expect(withDefaultTag(parseReference('a:b')).tag).toBe('b')
    expect(withDefaultTag(parseReference(`a@${SHA256}`)).tag).toBeUndefined()
  })

  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1', 'docker.io/library/busybox:1'],
    [`busybox@${SHA256}`, `docker.io/library/busybox@${SHA256}`],
    [`busybox:1@${SHA256}`, `docker.io/library/busybox@${SHA256}`],
  ])('parsePullReference: %s pulls %s', (text, pulled) => {
    expect(formatReference(parsePullReference(text))).toBe(pulled)
  })

  it('familiarName leaves tag and digest out', () => {
    expect(familiarName(parseFamiliarReference(`busybox:1@${SHA256}`))).toBe('busybox')
    expect(familiarName(parseReference('example.com/a:b'))).toBe('example.com/a')
    expect(familiarName(parseReference('a:b'))).toBe('a')
  })
})
