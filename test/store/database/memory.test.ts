/** What an isolate remembers of a database: by the database itself, for a time. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Usage } from '../../../src/lib/usage.ts'
import { CountedDatabase } from '../../../src/store/database/database.ts'
import { Memory } from '../../../src/store/database/memory.ts'

const request = () => new CountedDatabase(env.DB, new Usage())

afterEach(() => {
  vi.useRealTimers()
})

describe('a memory', () => {
  it('is shared by all requests to the same database', async () => {
    const memory = new Memory<number>(1000)
    expect(memory.get(request())).toBeUndefined()
    memory.set(request(), 1)
    expect(memory.get(request())).toBe(1)
    expect(memory.get(env.DB)).toBe(1)
    expect(await memory.of(request(), async () => 2)).toBe(1)
  })

  it('ends with its time', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 })
    const memory = new Memory<number>(1000)
    expect(await memory.of(request(), async () => 1)).toBe(1)
    vi.setSystemTime(999)
    expect(memory.get(request())).toBe(1)
    vi.setSystemTime(1000)
    expect(memory.get(request())).toBeUndefined()
    expect(await memory.of(request(), async () => 2)).toBe(2)
  })

  it('holds no error', async () => {
    const memory = new Memory<number>(1000)
    const fails = memory.of(request(), () => Promise.reject(new Error('away')))
    await expect(fails).rejects.toThrow('away')
    expect(await memory.of(request(), async () => 3)).toBe(3)
  })
})
