/**
 * A thousand wrong passwords. The hashes that they cost are counted at the runtime's own function. Time stands still, so that a
 * slow machine lets nobody sit out a wait.
 */
import { hash } from 'bcryptjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newAccessToken } from '../../../src/auth/login/access-tokens.ts'
import { NAME_FACTOR } from '../../../src/auth/login/guarded-login.ts'
import { parseHtpasswd } from '../../../src/auth/login/htpasswd.ts'
import { hashPassword } from '../../../src/auth/login/passwords.ts'
import {
  contextOf,
  FAILURES_MAX,
  hashesDuring,
  newAccount,
  newAddress,
  newName,
  PASSWORD,
  repeat,
  statusOf,
} from '../login-support.ts'

const TRIES = 1000
/** As many as show that no more get through: for what needs an object for each try. */
const FEWER_TRIES = 200
const htpasswd = parseHtpasswd(`frodo:${await hash('baggins', 4)}`)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

interface Target {
  name: (index: number) => string
  address: (index: number) => string
}

/** As many addresses as one likes, and faster: the count of the account has to do alone. */
const notTold = () => ''

const spread: [string, () => Promise<Target>, number?][] = [
  [
    'one account from one address',
    async () => {
      const [name, address] = [await newAccount(), newAddress()]
      return { name: () => name, address: () => address }
    },
  ],
  [
    'one account from many addresses',
    async () => {
      const name = await newAccount()
      return { name: () => name, address: newAddress }
    },
    NAME_FACTOR * FAILURES_MAX,
  ],
  [
    'a name that nobody has',
    async () => {
      const name = newName()
      return { name: () => name, address: notTold }
    },
  ],
  ['the administrator', async () => ({ name: () => 'admin', address: notTold })],
  ['a user of htpasswd', async () => ({ name: () => 'frodo', address: notTold })],
  [
    'many names from one address',
    async () => {
      const address = newAddress()
      return { name: newName, address: () => address }
    },
  ],
  [
    'many names from one network of IPv6',
    async () => ({
      name: newName,
      address: (index) => `2001:db8:0:1:${index.toString(16)}::${index.toString(16)}`,
    }),
  ],
]

/** How many tries were answered with each status, and how many slow hashes were computed. */
async function attack({ name, address }: Target, atOnce: number, tries = TRIES) {
  const statuses: Record<number, number> = {}
  const hashes = await hashesDuring(() =>
    repeat(tries, atOnce, async (index) => {
      const context = contextOf({ htpasswd }, address(index))
      const status = await statusOf(context, name(index), `wrong password ${index}`)
      statuses[status] = (statuses[status] ?? 0) + 1
    }),
  )
  return { statuses, hashes }
}

function asManyAs(allowed: number, tries = TRIES) {
  return { statuses: { 401: allowed, 429: tries - allowed }, hashes: allowed }
}

describe('wrong passwords, 50 at once', () => {
  it.each(spread)(
    'for %s',
    async (_, target, allowed = FAILURES_MAX) => {
      const expected = asManyAs(allowed, FEWER_TRIES)
      expect(await attack(await target(), 50, FEWER_TRIES)).toEqual(expected)
    },
    120_000,
  )
})

describe('a thousand wrong passwords', () => {
  it.each(spread.slice(0, 1))(
    'for %s, one after the other',
    async (_, target) => {
      expect(await attack(await target(), 1)).toEqual(asManyAs(FAILURES_MAX))
    },
    120_000,
  )

  it('one each 10 seconds are checked as often as the waits allow', async () => {
    const name = await newAccount()
    let through = 0
    for (let second = 0; second < 10 * TRIES; second += 10) {
      const status = await statusOf(contextOf({}, ''), name, `wrong password ${second}`)
      if (status === 401) through += 1
      vi.setSystemTime(Date.now() + 10_000)
    }
    // 10 at once, then after waits of 30 s, 1, 2, 4, 8, 16, 32 and 60 minutes: 10,000 s have room for eight.
    expect(through).toBe(FAILURES_MAX + 8)
  })
})

describe('wrong access tokens', () => {
  it('count for the address, and do not lock the account', async () => {
    const name = await newAccount()
    const address = newAddress()
    const tokens = await Promise.all(Array.from({ length: 100 }, newAccessToken))
    const statuses = await repeat(100, 20, async (index) =>
      statusOf(contextOf({}, address), name, tokens[index - 1]?.secret ?? ''),
    )
    expect(statuses.filter((status) => status === 401)).toHaveLength(FAILURES_MAX)
    expect(statuses.filter((status) => status === 429)).toHaveLength(100 - FAILURES_MAX)
    expect(await statusOf(contextOf({}, address), name, PASSWORD)).toBe(429)
    expect(await statusOf(contextOf(), name, PASSWORD)).toBe(200)
  })
})

describe('right passwords', () => {
  it('are all admitted, 50 at once', async () => {
    const name = await newAccount()
    const address = newAddress()
    const statuses = await repeat(50, 50, () => statusOf(contextOf({}, address), name, PASSWORD))
    expect(statuses).toEqual(Array(50).fill(200))
  })

  it('are not found among wrong ones: the account allows no more attempts', async () => {
    // Of its own: with the hash of the other accounts, the isolate would know the password already.
    const name = await newAccount(await hashPassword(PASSWORD))
    const statuses = await repeat(100, 50, (index) =>
      statusOf(contextOf(), name, index === 60 ? PASSWORD : `wrong password ${index}`),
    )
    expect(statuses).not.toContain(200)
  })
})
