import { describe, expect, it } from 'vitest'
import { parseDuration } from '../../../src/events/webhooks/duration.ts'
import vectors from '../../vectors/notifications.json'

// The vectors are what Go 1.26's time.ParseDuration answers.
describe('parseDuration', () => {
  it.each(vectors.durations)('$text is $nanoseconds ns', ({ text, nanoseconds }) => {
    const milliseconds = parseDuration(text)
    if (nanoseconds === null) expect(milliseconds).toBeNull()
    else expect(Math.round((milliseconds ?? Number.NaN) * 1e6) + 0).toBe(nanoseconds)
  })

  it('refuses a long invalid text quickly', () => {
    const started = Date.now()
    expect(parseDuration(`${'1'.repeat(50_000)}x`)).toBeNull()
    expect(parseDuration(`${'1h'.repeat(50_000)}!`)).toBeNull()
    expect(Date.now() - started).toBeLessThan(1000)
  })
})
