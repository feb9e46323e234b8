/** Durations as Go's time.ParseDuration reads them: "300ms", "1.5h", "1h30m". */

/** Milliseconds per unit. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  // U+00B5 and U+03BC: the micro sign, and the Greek letter that looks the same.
  '\u00b5s': 1e-3,
  '\u03bcs': 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

const PART = /(\d+\.?\d*|\.\d+)([a-z\u00b5\u03bc]+)/g
const WHOLE = new RegExp(`^[+-]?(?:${PART.source})+$`)

/** Go stores a duration as nanoseconds in 64 bits. */
const LIMIT_MS = 2 ** 63 / 1e6

/** The duration in milliseconds, possibly with a fraction. Null if Go refuses the text. */
export function parseDuration(text: string): number | null {
  if (/^[+-]?0$/.test(text)) return 0
  if (!WHOLE.test(text)) return null
  let total = 0
  for (const [, number, unit = ''] of text.matchAll(PART)) {
    total += Number(number) * (UNITS[unit] ?? Number.NaN)
  }
  if (Number.isNaN(total) || total >= LIMIT_MS) return null
  return text.startsWith('-') ? -total : total
}
