import { describe, expect, it } from 'vitest'
import { formatCommitted, parseContentRange, parseRange, type Range } from '../../src/lib/range.ts'

type Parsed = [number, number][] | 'unsatisfiable' | 'too many' | null

describe('parseRange', () => {
  it.each<[string, number, Parsed]>([
    ['bytes=0-0', 10, [[0, 0]]],
    ['bytes=9-', 10, [[9, 9]]],
    ['bytes=-3', 10, [[7, 9]]],
    ['bytes=-30', 10, [[0, 9]]],
    ['bytes=3-30', 10, [[3, 9]]],
    [
      'bytes=0-1, 4-5',
      10,
      [
        [0, 1],
        [4, 5],
      ],
    ],
    ['BYTES=0-1', 10, [[0, 1]]],
    ['bytes=0-1,50-', 10, [[0, 1]]],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=2-1', 10, 'unsatisfiable'],
    ['bytes=-', 10, 'unsatisfiable'],
    ['bytes=1 - 2', 10, 'unsatisfiable'],
    ['bytes=0-1;4-5', 10, 'unsatisfiable'],
    ['bytes=0-9999999999999999', 10, 'unsatisfiable'],
    ['bytes=0-5,5-9', 10, [[0, 9]]],
    ['bytes=0-,0-,0-', 10, [[0, 9]]],
    [
      'bytes=8-9,0-3,2-5,9-9',
      10,
      [
        [8, 9],
        [0, 5],
      ],
    ],
    [
      'bytes=0-4,5-9',
      10,
      [
        [0, 4],
        [5, 9],
      ],
    ],
    ['bytes', 10, null],
    ['lines=0-1', 10, null],
    ['bytes=', 10, null],
    ['', 10, null],
  ])('%s of %i bytes', (header, size, expected) => {
    const ranges = Array.isArray(expected)
      ? expected.map(([start, end]): Range => ({ start, end }))
      : expected
    expect(parseRange(header, size)).toEqual(ranges)
  })

  it.each([
    [1024, 1024],
    [1025, 'too many'],
  ])('takes 1,024 ranges and no more: %i', (count, expected) => {
    const specs = Array.from({ length: count }, (_, i) => `${i * 2}-${i * 2}`)
    const ranges = parseRange(`bytes=${specs}`, 10_000)
    expect(Array.isArray(ranges) ? ranges.length : ranges).toBe(expected)
  })

  it('counts ranges that cannot be satisfied, too', () => {
    const specs = Array.from({ length: 1025 }, () => '10-')
    expect(parseRange(`bytes=${specs}`, 10)).toBe('too many')
  })
})

describe('parseContentRange', () => {
  it.each<[string, [number, number] | null]>([
    ['0-9', [0, 9]],
    ['0-0', [0, 0]],
    [' 5-9 ', [5, 9]],
    ['bytes 5-9/10', [5, 9]],
    ['bytes 5-9/*', [5, 9]],
    ['bytes=5-9', [5, 9]],
    ['9-5', null],
    ['-5', null],
    ['5-', null],
    ['5', null],
    ['', null],
    ['*/10', null],
    ['bytes */10', null],
    ['0-9, 10-19', null],
    ['0x0-0x9', null],
    ['0-9999999999999999', null],
    ['items 0-9/10', null],
  ])('%s', (header, expected) => {
    const range = expected === null ? null : { start: expected[0], end: expected[1] }
    expect(parseContentRange(header)).toEqual(range)
  })
})

describe('formatCommitted', () => {
  it.each([
    [0, '0-0'],
    [1, '0-0'],
    [2, '0-1'],
    [5_000_000_000, '0-4999999999'],
  ])('%i bytes are %s', (offset, expected) => {
    expect(formatCommitted(offset)).toBe(expected)
  })
})
