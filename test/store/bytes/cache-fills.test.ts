/** What an isolate remembers of the edge cache: bounded, and never stuck. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CacheFills } from '../../../src/store/bytes/cache-fills.ts'
import { anyDigest } from '../support.ts'

let fills: CacheFills

beforeEach(() => {
  fills = new CacheFills()
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

function later(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

describe('requested digests', () => {
  it('count as popular with the second request', () => {
    const [a, b] = [anyDigest(), anyDigest()]
    fills.ask(a)
    expect(fills.askedByOthers(a)).toBe(false)
    fills.ask(a)
    expect(fills.askedByOthers(a)).toBe(true)
    expect(fills.askedByOthers(b)).toBe(false)
  })

  it('are forgotten after requests for a thousand others', () => {
    const [old, used] = [anyDigest(), anyDigest()]
    for (const digest of [old, old, used, used]) fills.ask(digest)
    for (let index = 0; index < 998; index++) fills.ask(anyDigest())
    expect(fills.askedByOthers(old)).toBe(true)
    fills.ask(used)
    fills.ask(anyDigest())
    expect(fills.askedByOthers(old)).toBe(false)
    expect(fills.askedByOthers(used)).toBe(true)
  })
})

describe('a fill', () => {
  it('runs until it ends, and is not started twice', async () => {
    const end = fills.begin('a')
    const running = fills.running('a')
    expect(fills.mayBegin('a')).toBe(false)
    expect(fills.mayBegin('b')).toBe(true)
    end('filled')
    await running
    expect(fills.running('a')).toBeUndefined()
    expect(fills.mayBegin('a')).toBe(true)
  })

  it('that never ends is lost after a minute, and does not end its successor', () => {
    const end = fills.begin('a')
    later(60_000)
    expect(fills.mayBegin('a')).toBe(false)
    later(1)
    expect(fills.running('a')).toBeUndefined()
    expect(fills.mayBegin('a')).toBe(true)
    fills.begin('a')
    end('failed')
    expect(fills.mayBegin('a')).toBe(false)
  })
})

describe('a cache that stores nothing', () => {
  it('is not used for ten minutes after two failures in a row', () => {
    fills.begin('a')('failed')
    expect(fills.mayBegin('b')).toBe(true)
    fills.begin('b')('failed')
    expect(fills.mayBegin('c')).toBe(false)
    later(10 * 60_000 - 1)
    expect(fills.mayBegin('c')).toBe(false)
    later(1)
    expect(fills.mayBegin('c')).toBe(true)
  })

  it.each(['filled', 'not tried'] as const)('is judged by the attempts: %s', (outcome) => {
    fills.begin('a')('failed')
    fills.begin('b')(outcome)
    fills.begin('c')('failed')
    expect(fills.mayBegin('d')).toBe(outcome === 'filled')
  })
})
