import { describe, expect, it } from 'vitest'
import { entityTag, noneMatch, rangeApplies } from '../../src/lib/conditional.ts'

const DIGEST = 'sha256:abc'

describe('noneMatch', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ['', false],
    ['"sha256:abc"', true],
    ['sha256:abc', true],
    [' W/"sha256:abc" ', true],
    ['"x","sha256:abc"', true],
    ['*', true],
    ['"*"', false],
    ['"sha256:abcd"', false],
    ['"SHA256:ABC"', false],
    ['w/"sha256:abc"', false],
  ])('%s: %s', (header, expected) => {
    expect(noneMatch(header, DIGEST)).toBe(expected)
  })
})

describe('rangeApplies', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, true],
    [entityTag(DIGEST), true],
    [DIGEST, false],
    [`W/${entityTag(DIGEST)}`, false],
    ['*', false],
    ['', false],
    ['Sun, 01 Nov 2026 00:00:00 GMT', false],
  ])('%s: %s', (header, expected) => {
    expect(rangeApplies(header, DIGEST)).toBe(expected)
  })
})
