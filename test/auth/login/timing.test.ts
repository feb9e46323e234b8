/** A refusal takes as long for a name that nobody has as for one that somebody has: the time tells nothing. */
import { env } from 'cloudflare:workers'
import { hash } from 'bcryptjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Htpasswd, parseHtpasswd } from '../../../src/auth/login/htpasswd.ts'
import { contextOf, execute, newAccount, newAddress, newName, statusOf } from '../login-support.ts'

const TRIES = 9

/** One try after the other of each kind, so that a busy machine is busy for all of them alike; medians in milliseconds. */
async function refusalTimes(
  users: Record<string, string>,
  htpasswd: Htpasswd | null,
): Promise<Record<string, number>> {
  const context = contextOf({ htpasswd, loginFailuresMax: 1_000_000 }, newAddress())
  const times: Record<string, number[]> = {}
  for (let turn = 0; turn < TRIES; turn += 1) {
    for (const [kind, name] of Object.entries(users)) {
      const began = await now()
      expect(await statusOf(context, name, `wrong password ${turn}`)).toBe(401)
      times[kind] = [...(times[kind] ?? []), (await now()) - began]
    }
  }
  return Object.fromEntries(Object.entries(times).map(([kind, each]) => [kind, median(each)]))
}

/** The clock of workerd goes on with I/O alone. */
async function now(): Promise<number> {
  await env.DB.prepare('SELECT 1').first()
  return performance.now()
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

/** Without a hash a refusal takes a tenth of the time, and with one instead of two, a half. */
function expectAlike(times: Record<string, number>): void {
  const all = Object.values(times)
  expect(Math.min(...all), 'the clock stands still').toBeGreaterThan(5)
  expect(Math.max(...all) / Math.min(...all), JSON.stringify(times)).toBeLessThan(1.5)
}

let users: Record<string, string>

beforeAll(async () => {
  const disabled = await newAccount()
  await execute('UPDATE accounts SET disabled = 1 WHERE name = ?', disabled)
  users = {
    account: await newAccount(),
    'nobody of the name': newName(),
    'no possible name': '../admin',
    'a disabled account': disabled,
    'an account without a password': await newAccount(null),
    'the administrator': 'admin',
  }
})

describe('the time of a refusal is the same', () => {
  it('for every name', async () => {
    expectAlike(await refusalTimes(users, null))
  }, 60_000)

  it('for every name, where some are in htpasswd', async () => {
    const shadowed = await newAccount()
    const htpasswd = parseHtpasswd(
      [
        `slow:${await hash('baggins', 10)}`,
        `fast:${await hash('baggins', 4)}`,
        'never:{SHA}5siv5c0SHx681xU6GiSx9ZQryqs=',
        `${shadowed}:${await hash('baggins', 8)}`,
      ].join('\n'),
    )
    const [slow, fast, never] = ['slow', 'fast', 'never']
    expectAlike(await refusalTimes({ ...users, slow, fast, never, shadowed }, htpasswd))
  }, 60_000)
})
