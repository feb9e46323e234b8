import { describe, expect, it } from 'vitest'
import { cutPage, nextLink, type PageLimits, parsePageSize } from '../../src/lib/pagination.ts'
import { refusal } from '../oci/support.ts'

const refuse: PageLimits = { default: 3, max: 5, above: 'refuse' }
const clamp: PageLimits = { default: 3, max: 5, above: 'clamp' }

describe('parsePageSize', () => {
  it.each<[string | undefined, PageLimits, number]>([
    [undefined, refuse, 3],
    ['', refuse, 3],
    [undefined, { ...refuse, max: 2 }, 2],
    ['0', refuse, 0],
    ['5', refuse, 5],
    ['005', refuse, 5],
    ['6', clamp, 5],
    ['999999999999999', clamp, 5],
  ])('%s of %o is %i', (n, limits, expected) => {
    expect(parsePageSize(n, limits)).toBe(expected)
  })

  it.each<[string, PageLimits]>([
    ['6', refuse],
    ['-1', clamp],
    ['1.0', clamp],
    ['1e1', clamp],
    ['0x1', clamp],
    [' 1', clamp],
    ['\u0661', clamp],
    ['1'.repeat(16), clamp],
  ])('%s of %o is refused', (n, limits) => {
    expect(refusal('PAGINATION_NUMBER_INVALID', () => parsePageSize(n, limits))).toContain('to 5')
  })
})

describe('cutPage', () => {
  it.each<[string[], number, string[], string | undefined]>([
    [[], 2, [], undefined],
    [['a', 'b'], 2, ['a', 'b'], undefined],
    [['a', 'b', 'c'], 2, ['a', 'b'], 'b'],
    [['a'], 0, [], undefined],
  ])('%o to %i', (found, size, entries, next) => {
    expect(cutPage(found, size)).toEqual({ entries, next })
  })
})

describe('nextLink', () => {
  it('has its parameters in alphabetical order, and escapes them', () => {
    const link = nextLink('/v2/a/tags/list', { n: 2, last: 'b/c&d', artifactType: 'x/y+z' })
    expect(link).toBe('</v2/a/tags/list?artifactType=x%2Fy%2Bz&last=b%2Fc%26d&n=2>; rel="next"')
  })
})
