/** The count of failures by itself. Time stands still but for what a test lets pass. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { guarded, NAME_FACTOR } from '../../../src/auth/login/guarded-login.ts'
import type { LoginGuard } from '../../../src/auth/login/login-guard.ts'
import { RegistryError } from '../../../src/oci/errors.ts'
import { contextOf, FAILURES_MAX, newName, repeat } from '../login-support.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

let guard: DurableObjectStub<LoginGuard>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
  guard = env.LOGINS.getByName(`account:${newName()}`)
})

afterEach(() => {
  vi.useRealTimers()
})

function pass(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds)
}

/** Attempts that fail, one after the other; what the last one was answered with. */
async function fail(times: number): Promise<number> {
  let waitMs = 0
  for (let left = times; left > 0; left -= 1) {
    waitMs = await guard.attempt(FAILURES_MAX)
    if (waitMs === 0) await guard.failed()
  }
  return waitMs
}

function isEmpty(): Promise<boolean> {
  return runInDurableObject(guard, async (_, { storage }) => {
    return (await storage.list()).size === 0 && (await storage.getAlarm()) === null
  })
}

describe('failures', () => {
  it('up to the limit do not delay the next attempt', async () => {
    expect(await fail(FAILURES_MAX)).toBe(0)
    expect(await guard.attempt(FAILURES_MAX)).toBe(30 * SECOND)
  })

  it('make the next one wait twice as long each time, for an hour at most', async () => {
    await fail(FAILURES_MAX)
    const waits: number[] = []
    for (let times = 0; times < 10; times += 1) {
      const waitMs = await guard.attempt(FAILURES_MAX)
      waits.push(waitMs / SECOND)
      pass(waitMs - 1)
      expect(await fail(1)).toBe(1)
      pass(1)
      expect(await fail(1)).toBe(0)
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
  })

  it('that are refused do not make the wait longer', async () => {
    await fail(FAILURES_MAX + 100)
    pass(29 * SECOND)
    expect(await guard.attempt(FAILURES_MAX)).toBe(SECOND)
  })

  it('survive the memory of the object', async () => {
    await fail(FAILURES_MAX - 1)
    await evictDurableObject(guard)
    expect(await fail(1)).toBe(0)
    await evictDurableObject(guard)
    expect(await guard.attempt(FAILURES_MAX)).toBe(30 * SECOND)
  })

  it('are forgotten after an hour without one, and nothing stays behind', async () => {
    await fail(FAILURES_MAX - 1)
    pass(HOUR - 1)
    await runDurableObjectAlarm(guard)
    await fail(1)
    expect(await guard.attempt(FAILURES_MAX)).toBe(30 * SECOND)
    expect(await isEmpty()).toBe(false)
    pass(30 * SECOND + HOUR)
    expect(await runDurableObjectAlarm(guard)).toBe(true)
    expect(await isEmpty()).toBe(true)
  })

  it('are forgotten after that hour even if the alarm is late', async () => {
    await fail(FAILURES_MAX)
    pass(30 * SECOND + HOUR)
    expect(await fail(FAILURES_MAX)).toBe(0)
    expect(await guard.attempt(FAILURES_MAX)).toBe(30 * SECOND)
  })

  it('are not forgotten while they keep somebody waiting', async () => {
    await fail(FAILURES_MAX)
    for (let times = 0; times < 8; times += 1) {
      pass(await guard.attempt(FAILURES_MAX))
      await fail(1)
    }
    pass(HOUR)
    await runDurableObjectAlarm(guard)
    expect(await fail(1)).toBe(0)
    expect(await guard.attempt(FAILURES_MAX)).toBe(HOUR)
  })
})

describe('a success', () => {
  it('of the account forgets all failures', async () => {
    await fail(FAILURES_MAX - 1)
    await guard.attempt(FAILURES_MAX)
    await guard.forget()
    expect(await isEmpty()).toBe(true)
    expect(await fail(FAILURES_MAX)).toBe(0)
  })

  it('from the address takes back only its own count', async () => {
    await fail(FAILURES_MAX - 1)
    for (let times = 0; times < 3; times += 1) {
      expect(await guard.attempt(FAILURES_MAX)).toBe(0)
      await guard.takeBack()
    }
    expect(await fail(1)).toBe(0)
    expect(await guard.attempt(FAILURES_MAX)).toBe(30 * SECOND)
  })

  it('without earlier failures stores nothing', async () => {
    await guard.attempt(FAILURES_MAX)
    await guard.takeBack()
    expect(await isEmpty()).toBe(true)
  })
})

describe('attempts at the same time', () => {
  it('are admitted up to the limit, however they end', async () => {
    const waits = await repeat(200, 200, async () => {
      const waitMs = await guard.attempt(FAILURES_MAX)
      if (waitMs > 0) return waitMs
      await scheduler.wait(20)
      await guard.failed()
      return 0
    })
    expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(FAILURES_MAX)
    expect(waits.filter((waitMs) => waitMs === 30 * SECOND)).toHaveLength(200 - FAILURES_MAX)
  })

  it('with right passwords are all admitted: an attempt over the limit waits for the outcome of the others', async () => {
    for (const end of ['takeBack', 'forget'] as const) {
      const waits = await repeat(50, 50, async () => {
        const waitMs = await guard.attempt(FAILURES_MAX)
        await scheduler.wait(10)
        if (waitMs === 0) await guard[end]()
        return waitMs
      })
      expect(waits).toEqual(Array(50).fill(0))
    }
  })

  it('do not wait forever for one that never ends', async () => {
    vi.useRealTimers()
    for (let times = 0; times < FAILURES_MAX; times += 1) await guard.attempt(FAILURES_MAX)
    const began = Date.now()
    expect(await guard.attempt(FAILURES_MAX)).toBeGreaterThan(25 * SECOND)
    expect(Date.now() - began).toBeLessThan(5 * SECOND)
  })
})

describe('a guarded attempt', () => {
  const wrong = async () => false
  const right = async () => true

  /** How often a wrong one gets through. */
  async function through(address: string, name: string | null, times = 30): Promise<number> {
    let tries = 0
    const attempt = async () => {
      tries += 1
      return false
    }
    const context = contextOf({}, address)
    for (let left = times; left > 0; left -= 1) {
      await guarded(context, name, attempt).catch(() => undefined)
    }
    return tries
  }

  it.each<[string, string, string, number]>([
    ['the same address', '192.0.2.1', '192.0.2.1', 0],
    ['two addresses', '192.0.2.2', '192.0.2.3', FAILURES_MAX],
    ['one network of IPv6', '2001:db8:1:2::1', '2001:db8:1:2:ffff:1:2:3', 0],
    ['one network of IPv6, zeros left out', '2001:db8::1', '2001:db8:0:0:1::', 0],
    ['two networks of IPv6', '2001:db8:1:3::1', '2001:db8:1:4::1', FAILURES_MAX],
    ['two IPv4-mapped addresses', '::ffff:192.0.2.4', '::ffff:192.0.2.5', FAILURES_MAX],
    ['what is no address', 'unknown', 'elsewhere', FAILURES_MAX],
  ])('from %s', async (_, one, other, expected) => {
    expect(await through(one, newName())).toBe(FAILURES_MAX)
    expect(await through(other, newName())).toBe(expected)
  })

  it('from an unknown address is counted only by its name', async () => {
    expect(await through('', newName())).toBe(FAILURES_MAX)
    expect(await through('', newName())).toBe(FAILURES_MAX)
  })

  it('says how long to wait when it is refused', async () => {
    const name = newName()
    await through('', name)
    pass(10 * SECOND + 1)
    await expect(guarded(contextOf(), name, right)).rejects.toMatchObject({
      status: 429,
      headers: { 'Retry-After': '20' },
    })
  })

  it('that an address may not make does not count for the account', async () => {
    const [address, name] = ['192.0.2.10', newName()]
    await through(address, newName())
    await through(address, name)
    expect(await through('192.0.2.11', name)).toBe(FAILURES_MAX)
  })

  it('that the account refuses does not count for the address', async () => {
    const [address, name] = ['192.0.2.20', newName()]
    await through('', name)
    expect(await through(address, name)).toBe(0)
    expect(await through(address, newName())).toBe(FAILURES_MAX)
  })

  it('is delayed by its address first, and by the name only if many addresses try it', async () => {
    const name = newName()
    for (let network = 0; network < NAME_FACTOR; network += 1) {
      expect(await through(`198.51.100.${network}`, name)).toBe(FAILURES_MAX)
    }
    expect(await through('198.51.100.99', name)).toBe(0)
  })

  it('from where the name has logged in waits only for the failures of that address', async () => {
    const [home, name] = ['203.0.113.1', newName()]
    expect(await guarded(contextOf({}, home), name, right)).toBe(true)
    await through('', name)
    await expect(guarded(contextOf(), name, right)).rejects.toMatchObject({
      message: expect.stringMatching(/with this name from elsewhere: .* access token/),
    })
    expect(await guarded(contextOf({}, home), name, right)).toBe(true)
    expect(await through(home, name)).toBe(FAILURES_MAX)
    await expect(guarded(contextOf({}, home), name, right)).rejects.toMatchObject({
      message: 'too many failed logins from this address: try again in 30 s',
    })
  })

  it('is admitted from there for 30 days, while failures elsewhere go on', async () => {
    const [home, name] = ['203.0.113.2', newName()]
    const guard = env.LOGINS.getByName(`account:${name}`)
    await guarded(contextOf({}, home), name, right)
    await guard.attempt(FAILURES_MAX)
    await guard.failed()
    pass(2 * HOUR)
    await runDurableObjectAlarm(guard)
    pass(30 * 24 * HOUR - 2 * HOUR - 1)
    expect(await guard.attemptFrom(home, FAILURES_MAX)).toBe('known')
    pass(1)
    expect(await guard.attemptFrom(home, FAILURES_MAX)).toBe(0)
    await guard.takeBack()
    await runDurableObjectAlarm(guard)
    const kept = await runInDurableObject(guard, (_, { storage }) => storage.list())
    expect(kept.size).toBe(0)
  })

  it('asks both guards side by side', async () => {
    const both = Promise.withResolvers<void>()
    let asked = 0
    const ask = async () => {
      asked += 1
      if (asked === 2) both.resolve()
      await both.promise
      return 0
    }
    const stub = { attempt: ask, attemptFrom: ask, failed: async () => {} }
    const logins = Object.assign(Object.create(env.LOGINS), { getByName: () => stub })
    expect(await guarded({ ...contextOf(), logins }, newName(), wrong)).toBe(false)
    expect(asked).toBe(2)
  })

  it('that breaks off counts as failed', async () => {
    const name = newName()
    const broken = () => Promise.reject(new Error('broken'))
    for (let times = 0; times < FAILURES_MAX; times += 1) {
      await expect(guarded(contextOf({}, ''), name, broken)).rejects.toThrow('broken')
    }
    await expect(guarded(contextOf({}, ''), name, wrong)).rejects.toMatchObject({ status: 429 })
  })

  it('that is refused before the password is checked does not count', async () => {
    const name = newName()
    const refused = () => Promise.reject(new RegistryError('UNAVAILABLE'))
    for (let times = 0; times < 2 * FAILURES_MAX; times += 1) {
      await expect(guarded(contextOf({}, ''), name, refused)).rejects.toMatchObject({ status: 503 })
    }
    expect(await guarded(contextOf({}, ''), name, wrong)).toBe(false)
  })

  it('under a very long name is counted apart from every account', async () => {
    const long = newName().padEnd(64, 'x')
    expect(await through('', `${long}yy`)).toBe(FAILURES_MAX)
    expect(await through('', `${long}yz`)).toBe(0)
    expect(await through('', long)).toBe(FAILURES_MAX)
  })
})
