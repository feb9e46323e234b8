/** The text format: what it looks like, and what is escaped where. */
import { describe, expect, it } from 'vitest'
import { formatGauges, type Gauge } from '../../src/lib/prometheus.ts'

const LINES = (help: string, sample: string) => `# HELP a ${help}\n# TYPE a gauge\n${sample}\n`

describe('formatGauges', () => {
  it.each<[string, Gauge, string]>([
    ['a number', { name: 'a', help: 'A.', value: 3 }, LINES('A.', 'a 3')],
    ['a fraction', { name: 'a', help: 'A.', value: 0.25 }, LINES('A.', 'a 0.25')],
    ['a large number', { name: 'a', help: 'A.', value: 1e21 }, LINES('A.', 'a 1e+21')],
    [
      'labels',
      { name: 'a', help: 'A.', value: 1, labels: { b: 'c', d: 'e' } },
      LINES('A.', 'a{b="c",d="e"} 1'),
    ],
    ['no labels', { name: 'a', help: 'A.', value: 1, labels: {} }, LINES('A.', 'a 1')],
    [
      'a help with what is escaped, but not its quotes',
      { name: 'a', help: 'a\\b\n"c"', value: 1 },
      LINES('a\\\\b\\n"c"', 'a 1'),
    ],
    [
      'a label with what is escaped',
      { name: 'a', help: 'A.', value: 1, labels: { b: 'a\\b\n"c"' } },
      LINES('A.', 'a{b="a\\\\b\\n\\"c\\""} 1'),
    ],
  ])('%s', (_, gauge, text) => {
    expect(formatGauges([gauge])).toBe(text)
  })

  it('writes several in order', () => {
    const gauge = { name: 'a', help: 'A.', value: 1 }
    expect(formatGauges([gauge, gauge])).toBe(LINES('A.', 'a 1').repeat(2))
    expect(formatGauges([])).toBe('')
  })
})
