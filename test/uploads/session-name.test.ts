import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FreeSessions, newSessionName, REUSE_SECONDS } from '../../src/uploads/session-name.ts'

const START = Date.UTC(2026, 0, 1)

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

it('a name is never the same twice', () => {
  const names = Array.from({ length: 100 }, newSessionName)
  expect(new Set(names).size).toBe(100)
  for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{16}$/)
})

describe('free objects', () => {
  it('are lent once, the one that was used last first', () => {
    const free = new FreeSessions()
    const [a = '', b = ''] = [newSessionName(), newSessionName()]
    expect(free.take()).toBeUndefined()
    free.give(a)
    free.give(b)
    expect([free.take(), free.take(), free.take()]).toEqual([b, a, undefined])
  })

  it('are 32 at most: the one that waits longest goes', () => {
    const free = new FreeSessions()
    const names = Array.from({ length: 40 }, newSessionName)
    for (const name of names) free.give(name)
    const taken = Array.from({ length: 33 }, () => free.take())
    expect(taken).toEqual([...names.slice(8).toReversed(), undefined])
  })

  it.each([
    ['to the last second', REUSE_SECONDS - 1, true],
    ['no longer', REUSE_SECONDS, false],
  ])('are lent for an hour after they came into being, %s', (_, seconds, lent) => {
    const free = new FreeSessions()
    const old = newSessionName()
    vi.setSystemTime(START + 1000 * (REUSE_SECONDS - 1))
    const young = newSessionName()
    free.give(young)
    free.give(old)
    vi.setSystemTime(START + 1000 * seconds)
    expect([free.take(), free.take()]).toEqual(lent ? [old, young] : [young, undefined])
  })
})
