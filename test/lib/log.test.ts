import { afterEach, describe, expect, it, vi } from 'vitest'
import { logError, logInfo } from '../../src/lib/log.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function lines(name: 'log' | 'error'): unknown[] {
  const written: unknown[] = []
  vi.spyOn(console, name).mockImplementation((line: unknown) => {
    written.push(line)
  })
  return written
}

describe('the log', () => {
  it('has one JSON object per line', () => {
    const written = lines('log')
    logInfo({ message: 'two\nlines', count: 1, nested: { a: [null] } })
    expect(written).toEqual(['{"message":"two\\nlines","count":1,"nested":{"a":[null]}}'])
  })

  it.each<[string, unknown, string]>([
    ['an error with its stack', new Error('away'), 'Error: away\n    at '],
    ['what was thrown and is no error', 'just text', 'just text'],
  ])('has %s', (_, error, text) => {
    const written = lines('error')
    logError({ message: 'failed' }, error)
    const line = JSON.parse(String(written[0]))
    expect(line.message).toBe('failed')
    expect(line.error).toContain(text)
  })

  it('leaves out a missing error', () => {
    const written = lines('error')
    logError({ message: 'failed' })
    expect(written).toEqual(['{"message":"failed"}'])
  })
})
