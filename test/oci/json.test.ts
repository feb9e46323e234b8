import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { parseStrictJson } from '../../src/oci/json.ts'
import { bytes, isRefused, refusal } from './support.ts'

const MEBIBYTE = 1024 * 1024

describe('parseStrictJson', () => {
  it.each([
    '{}',
    '[]',
    'null',
    ' \t\r\n1 ',
    '-0.5e+3',
    '"a\\u0062\\n"',
    '"\\ud83d\\ude00"',
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    '{"a":"b","b":"a"}',
    '{"a":["a","a","a"]}',
    '{"":1}',
    '{"a":[{},{"b":[]}],"c":"}{]["}',
    `${'['.repeat(32)}${']'.repeat(32)}`,
  ])('reads %s as JSON.parse does', (text) => {
    expect(parseStrictJson(bytes(text))).toEqual(JSON.parse(text))
  })

  it.each([
    ['{"a":1,"a":1}', 'duplicate key "a" at line 1, column 8'],
    ['{"a":1,\n  "\\u0061":2}', 'duplicate key "a" at line 2, column 3'],
    ['{"a":{"b":1,"c":[{}],"b":2}}', 'duplicate key "b"'],
    ['[{"x":1},{"a":1,"b":{"a":1},"a":2}]', 'duplicate key "a"'],
    ['{"__proto__":1,"__proto__":2}', 'duplicate key "__proto__"'],
    ['{"\\/":1,"/":2}', 'duplicate key "/"'],
    ['{"":1,"":2}', 'duplicate key ""'],
    ['{"a":1,"b":[1,2],"a":1}', 'duplicate key "a"'],
    [`${'['.repeat(33)}${']'.repeat(33)}`, 'nested deeper than 32 levels at line 1, column 33'],
    ['{"a":'.repeat(40), 'nested deeper than 32 levels'],
    ['"\\ud800"', 'lone surrogate'],
    ['{"\\udc00":1}', 'lone surrogate'],
    ['"a', 'unterminated string'],
    ['"a\\"', 'unterminated string'],
    ['', 'invalid JSON'],
    ['{} {}', 'invalid JSON'],
    ['{}x', 'invalid JSON'],
    ['{"a":1,}', 'invalid JSON'],
    ['[1,]', 'invalid JSON'],
    ["{'a':1}", 'invalid JSON'],
    ['{a:1}', 'invalid JSON'],
    ['01', 'invalid JSON'],
    ['NaN', 'invalid JSON'],
    ['"\u0001"', 'invalid JSON'],
    ['"\\x"', 'invalid JSON'],
    ['// comment\n1', 'invalid JSON'],
    ['[1}', 'invalid JSON'],
    [']]]]', 'invalid JSON'],
    ['\u00a01', 'invalid JSON'],
    ['\ufeff{}', 'invalid JSON'],
  ])('refuses %s', (text, problem) => {
    expect(refusal('MANIFEST_INVALID', () => parseStrictJson(bytes(text)))).toContain(problem)
  })

  it.each([
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a cut sequence', [0x22, 0xe2, 0x82]],
    ['UTF-16', [0xff, 0xfe, 0x22, 0x00]],
  ])('refuses %s', (_, octets) => {
    const message = refusal('MANIFEST_INVALID', () => parseStrictJson(Uint8Array.from(octets)))
    expect(message).toContain('not UTF-8')
  })

  it('makes __proto__ an own property and leaves the prototype alone', () => {
    const value = parseStrictJson(bytes('{"__proto__":{"layers":[]},"constructor":1}'))
    expect(Object.getOwnPropertyNames(value)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })

  it('agrees with JSON.parse on every value written without repeated keys', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 20 }), (text) => {
        expect(parseStrictJson(bytes(text))).toEqual(JSON.parse(text))
      }),
      { numRuns: 500 },
    )
  })

  it('accepts only what JSON.parse accepts, and throws nothing but RegistryError', () => {
    const piece = fc.constantFrom(
      ...'{}[],:"\\ \n01-.eEtrufalsn',
      '"a"',
      '\\u0061',
      '{"a":',
      '\ud800',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('')
        if (isRefused(() => parseStrictJson(bytes(text)))) return
        expect(() => JSON.parse(text)).not.toThrow()
      }),
      { numRuns: 2000 },
    )
  })

  it('throws nothing but RegistryError over any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => void isRefused(() => parseStrictJson(octets))),
    )
  })

  it('finds the second of two equal keys wherever they stand', () => {
    const keys = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(keys, fc.nat(), (unique, choice) => {
        const repeated = unique[choice % unique.length]
        const text = [...unique, repeated].map((key) => `${JSON.stringify(key)}:[{"a":0}]`).join()
        const message = refusal('MANIFEST_INVALID', () => parseStrictJson(bytes(`{${text}}`)))
        expect(message).toContain('duplicate key')
      }),
    )
  })
})

describe('the same keys in many objects', () => {
  const members = (value: string) =>
    Array.from({ length: 300 }, (_, n) => `"k${n}":${value}`).join()
  const inner = `{${members('0')}}`

  it('are the keys of each', () => {
    const text = `{${members(inner)},"k300":[${inner},${inner}]}`
    expect(parseStrictJson(bytes(text))).toEqual(JSON.parse(text))
  })

  it.each(['k0', 'k150', 'k299'])('are found where one comes twice: %s', (key) => {
    for (const text of [
      `{${members(inner)},"${key}":0}`,
      `[${inner},{${members('0')},"${key}":0}]`,
    ]) {
      const message = refusal('MANIFEST_INVALID', () => parseStrictJson(bytes(text)))
      expect(message).toContain(`duplicate key "${key}"`)
    }
  })
})

describe('any 4 MiB take less than two seconds:', () => {
  const inputs: [string, () => string][] = [
    ['arrays in arrays', () => '['.repeat(4 * MEBIBYTE)],
    ['objects in objects', () => '{"a":'.repeat(0.8 * MEBIBYTE)],
    ['empty arrays', () => `[${'[],'.repeat(1.3 * MEBIBYTE)}0]`],
    ['small objects', () => `[${'{"a":0},'.repeat(0.5 * MEBIBYTE - 1)}0]`],
    ['a long string', () => `"${'a'.repeat(4 * MEBIBYTE - 2)}"`],
    ['backslashes', () => `"${'\\'.repeat(4 * MEBIBYTE - 2)}"`],
    ['escapes', () => `"${'\\u0061'.repeat(0.6 * MEBIBYTE)}"`],
    ['strings with an escape', () => `[${'"\\n",'.repeat(0.8 * MEBIBYTE - 1)}0]`],
    ['quotes', () => '"'.repeat(4 * MEBIBYTE)],
    ['commas', () => ','.repeat(4 * MEBIBYTE)],
    ['lines', () => `${'\n'.repeat(4 * MEBIBYTE - 20)}{"a":1,"a":2}`],
    ['keys', () => `{${Array.from({ length: 350_000 }, (_, i) => `"${i}":0`).join()}}`],
    [
      'annotations',
      () => JSON.stringify(Array.from({ length: 390 }, () => ({ key: 'A'.repeat(10_000) }))),
    ],
  ]
  it.each(inputs)('%s', (_, text) => {
    const input = bytes(text())
    const start = performance.now()
    isRefused(() => parseStrictJson(input))
    // Quadratic work would take hours; the bound leaves room for a loaded machine.
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

describe('the number of values', () => {
  it.each<[string, string]>([
    ['objects', `[${'{},'.repeat(1_390_000)}{}]`],
    ['lists', `[${'[],'.repeat(1_390_000)}[]]`],
    ['numbers', `[${'0,'.repeat(250_000)}0]`],
    ['keys', `{${Array.from({ length: 250_001 }, (_, n) => `"${n}":0`).join()}}`],
  ])('is bounded before anything is built: %s', (_, text) => {
    const build = vi.spyOn(JSON, 'parse')
    expect(() => parseStrictJson(new TextEncoder().encode(text))).toThrow('more than 250000 values')
    expect(build).not.toHaveBeenCalled()
    build.mockRestore()
  })

  it('has room for an index of 10,000 full entries', () => {
    const entry = { a: 1, b: 2, c: 3, platform: { a: 1, b: 2, c: 3 }, annotations: { a: 1, b: 2 } }
    const text = JSON.stringify({ manifests: Array(10_000).fill(entry) })
    expect(parseStrictJson(new TextEncoder().encode(text))).toHaveProperty(
      'manifests.length',
      10_000,
    )
  })
})
