import { describe, expect, it } from 'vitest'
import { nearestName } from '../../src/lib/nearest-name.ts'

const NAMES = ['TAG_READS', 'TAG_HOLD', 'HOLD'] as const

describe('nearestName', () => {
  it.each([
    ['TAG_READS', 'TAG_READS'],
    ['tag-reads', 'TAG_READS'],
    ['TAG_READ', 'TAG_READS'],
    ['TAG_RAEDS', 'TAG_READS'],
    ['TAGREADSS', 'TAG_READS'],
    ['HOLDS', 'HOLD'],
    ['TG_HOL', 'TAG_HOLD'],
    ['TAG_R', null],
    ['HOLDING', null],
    ['', null],
  ])('of %s is %s', (written, nearest) => {
    expect(nearestName(written, NAMES)).toBe(nearest)
  })
})
