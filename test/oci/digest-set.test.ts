import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DigestSet } from '../../src/oci/digest-set.ts'
import { refusal } from './support.ts'

function sha256(start: string): string {
  return `sha256:${start.padEnd(64, '1')}`
}

function sha512(start: string): string {
  return `sha512:${start.padEnd(128, '1')}`
}

function setOf(...digests: string[]): DigestSet {
  const set = new DigestSet()
  for (const digest of digests) set.add(digest)
  return set
}

const starts = ['12345', '1234', '12346', '5432', '6543', '6432', '6542', '6532']

describe('lookup', () => {
  const set = setOf(...starts.map(sha256), sha512('12345'), sha512('777'))

  it.each([
    ['54', sha256('5432')],
    ['sha256:54', sha256('5432')],
    ['12346', sha256('12346')],
    ['sha256:12345', sha256('12345')],
    ['sha512:1', sha512('12345')],
    ['7', sha512('777')],
    ['sha512:7', sha512('777')],
    [sha256('6542'), sha256('6542')],
    [sha256('6542').slice(7), sha256('6542')],
    [sha512('12345'), sha512('12345')],
    [sha256('12345'), sha256('12345')],
  ])('%s finds %s', (short, digest) => {
    expect(set.lookup(short)).toBe(digest)
  })

  it.each(['1', '1234', '12345', 'sha256:1234', '6', '65', sha256('12345').slice(7)])(
    '%s is ambiguous',
    (short) => {
      expect(refusal('DIGEST_INVALID', () => set.lookup(short))).toContain('ambiguous')
    },
  )

  it.each([
    '',
    'sha256:',
    'sha256',
    ':54',
    'f',
    'sha512:54',
    'sha256:7',
    'sha384:54',
    '5x',
    'A',
    `${sha256('5432')}1`,
  ])('%j is not there', (short) => {
    expect(refusal('BLOB_UNKNOWN', () => set.lookup(short))).toContain('not found')
  })
})

describe('add and remove', () => {
  it('keep one of each, in order', () => {
    const set = setOf(sha256('5'), sha512('3'), sha256('3'), sha256('5'), sha512('3'))
    expect(set.all()).toEqual([sha256('3'), sha512('3'), sha256('5')])
    expect(set.size).toBe(3)
    set.remove(sha256('3'))
    set.remove(sha256('4'))
    set.remove(sha256('3'))
    expect(set.all()).toEqual([sha512('3'), sha256('5')])
    expect(set.lookup('3')).toBe(sha512('3'))
  })

  it.each(['sha256:abc', 'md5:00', ''])('refuse %j', (digest) => {
    refusal('DIGEST_INVALID', () => new DigestSet().add(digest))
    refusal('DIGEST_INVALID', () => new DigestSet().remove(digest))
  })
})

describe('shortCodes', () => {
  it('are as short as they can be, and no shorter than asked', () => {
    const codes = setOf(...starts.map(sha256)).shortCodes(2)
    expect(Object.fromEntries(codes)).toEqual({
      [sha256('1234')]: '12341',
      [sha256('12345')]: '12345',
      [sha256('12346')]: '12346',
      [sha256('5432')]: '54',
      [sha256('6543')]: '6543',
      [sha256('6432')]: '64',
      [sha256('6542')]: '6542',
      [sha256('6532')]: '653',
    })
  })

  it('are the digest itself where all its hex digits would be needed', () => {
    const digests = [sha256('1'), `sha256:${'1'.repeat(63)}2`, sha512('1')]
    expect([
      ...setOf(...digests)
        .shortCodes(4)
        .values(),
    ]).toEqual([sha256('1'), '1'.repeat(65), `sha256:${'1'.repeat(63)}2`])
    expect([...setOf(sha256('1')).shortCodes(64).values()]).toEqual([sha256('1')])
    expect([...setOf(sha256('1')).shortCodes(63).values()]).toEqual(['1'.repeat(63)])
  })

  it('are found by lookup, whatever the set', () => {
    const start = fc.stringMatching(/^[012]{1,5}$/)
    const digest = fc.oneof(start.map(sha256), start.map(sha512))
    fc.assert(
      fc.property(fc.array(digest), fc.nat({ max: 130 }), (digests, length) => {
        const set = setOf(...digests)
        expect(set.all()).toEqual([...new Set(set.all())])
        expect(new Set(set.all())).toEqual(new Set(digests))
        for (const [member, code] of set.shortCodes(length)) {
          expect(set.lookup(code)).toBe(member)
        }
      }),
    )
  })
})
