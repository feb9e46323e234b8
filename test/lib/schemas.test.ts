/** Schemas: what the library would let pass, or lose. */
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { integer, plainObject, time } from '../../src/lib/schemas.ts'

describe('plainObject', () => {
  const schema = v.pipe(plainObject(), v.record(v.string(), v.string()))

  it.each(['{}', '{"a":"b"}', '{"toString":"b"}'])('lets %s pass as it is', (json) => {
    expect(v.parse(schema, JSON.parse(json))).toEqual(JSON.parse(json))
  })

  it.each([
    '[]',
    '["a"]',
    'null',
    '"a"',
    '{"__proto__":"b"}',
    '{"constructor":"b"}',
    '{"a":"b","prototype":"b"}',
  ])('refuses %s', (json) => {
    expect(v.safeParse(schema, JSON.parse(json)).success).toBe(false)
  })

  it('refuses every key that v.record would lose', () => {
    const record = v.record(v.string(), v.string())
    const names = ['a', ...Object.getOwnPropertyNames(Object.prototype), 'prototype', 'length']
    for (const name of names) {
      const one = Object.fromEntries([[name, 'b']])
      const isKept = Object.hasOwn(v.parse(record, one), name)
      expect(v.safeParse(plainObject(), one).success, name).toBe(isKept)
    }
  })
})

describe('time', () => {
  it.each(['2026-11-24T00:00:00Z', '2024-02-29T23:59:59.123Z', '1970-01-01T00:00:00Z'])(
    'takes %s',
    (text) => {
      expect(v.parse(time, text)).toBe(text)
    },
  )

  it.each([
    '',
    'yesterday',
    '2026-11-24',
    '2026-11-24 00:00:00Z',
    '2026-11-24T00:00:00',
    '2026-11-24T00:00:00+01:00',
    '2026-02-29T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-24T24:00:00Z',
    '2026-11-24T00:00:60Z',
    '2026-11-24T00:00:00Zulu',
    ' 2026-11-24T00:00:00Z',
    1_764_000_000_000,
  ])('refuses %j', (text) => {
    const { success, issues } = v.safeParse(time, text)
    expect(success).toBe(false)
    if (typeof text === 'string') expect(issues?.[0]?.message).toBe('Invalid ISO datetime')
  })
})

describe('integer', () => {
  it.each([0, -1, Number.MAX_SAFE_INTEGER])('takes %d', (number) => {
    expect(v.parse(integer, number)).toBe(number)
  })

  it.each([1.5, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY, '1'])(
    'refuses %j',
    (value) => {
      expect(v.safeParse(integer, value).success).toBe(false)
    },
  )
})
