/**
 * Counts failed logins, exactly: one Durable Object for each account name and one for each client address that somebody tried. An
 * attempt counts as failed before its password is hashed, so that attempts at the same time cannot outrun the count.
 */
import { DurableObject } from 'cloudflare:workers'
import { RegistryError } from '../oci/errors.ts'
import type { AuthContext } from './auth-settings.ts'

/** The first wait; each further failure doubles it. */
const FIRST_WAIT_MS = 30_000
const LONGEST_WAIT_MS = 60 * 60 * 1000

/** Failures are forgotten when for so long nobody tried who might have. */
const REMEMBER_MS = 60 * 60 * 1000

/** How long an attempt waits for the outcome of those before it. */
const OUTCOME_MS = 2000

/** Account names have up to 64 characters: a longer name shares its count, but never with an account. */
const NAME_LENGTH = 65

interface Failures {
  /** Those whose outcome is not known yet included. */
  count: number
  blockedUntil: number
  forgottenAt: number
}

const NONE: Failures = { count: 0, blockedUntil: 0, forgottenAt: 0 }

export class LoginGuard extends DurableObject {
  /** Attempts that were let through and whose outcome is not known yet. */
  #open = 0
  #outcome = Promise.withResolvers<void>()

  /**
   * Counts an attempt as failed and lets it through, unless there were `failuresMax` and their wait is not over.
   * @returns 0, or the milliseconds to wait: then nothing was counted
   */
  async attempt(failuresMax: number): Promise<number> {
    const deadline = Date.now() + OUTCOME_MS
    // Many right passwords at the same time look like as many failures until their outcome is known.
    while (this.#waitMs > 0 && this.#open > 0) {
      if (!(await this.#outcomeBefore(deadline))) break
    }
    const waitMs = this.#waitMs
    if (waitMs > 0) return waitMs
    this.#open += 1
    await this.#count(failuresMax)
    return 0
  }

  /** The attempt failed, as was counted. */
  failed(): void {
    this.#settle()
  }

  /** The attempt was right, or was not made: takes back its own count. */
  async takeBack(): Promise<void> {
    const failures = this.#failures
    const count = failures.count - 1
    if (count > 0) this.ctx.storage.kv.put('failures', { ...failures, count, blockedUntil: 0 })
    else await this.ctx.storage.deleteAll()
    this.#settle()
  }

  /** The attempt was right: forgets all failures. */
  async forget(): Promise<void> {
    await this.ctx.storage.deleteAll()
    this.#settle()
  }

  override async alarm(): Promise<void> {
    const { forgottenAt } = this.#failures
    if (Date.now() < forgottenAt) await this.ctx.storage.setAlarm(forgottenAt)
    else await this.ctx.storage.deleteAll()
  }

  get #failures(): Failures {
    const failures = this.ctx.storage.kv.get<Failures>('failures') ?? NONE
    return Date.now() < failures.forgottenAt ? failures : NONE
  }

  get #waitMs(): number {
    return Math.max(0, this.#failures.blockedUntil - Date.now())
  }

  async #count(failuresMax: number): Promise<void> {
    const now = Date.now()
    const count = this.#failures.count + 1
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (count - failuresMax), LONGEST_WAIT_MS)
    const blockedUntil = count < failuresMax ? 0 : now + wait
    const forgottenAt = Math.max(now, blockedUntil) + REMEMBER_MS
    this.ctx.storage.kv.put<Failures>('failures', { count, blockedUntil, forgottenAt })
    await this.ctx.storage.setAlarm(forgottenAt)
  }

  #settle(): void {
    this.#open = Math.max(0, this.#open - 1)
    this.#outcome.resolve()
    this.#outcome = Promise.withResolvers<void>()
  }

  async #outcomeBefore(deadline: number): Promise<boolean> {
    const left = deadline - Date.now()
    if (left <= 0) return false
    // A timer that nobody waits for would keep the object in memory.
    const over = new AbortController()
    const timer = scheduler.wait(left, { signal: over.signal }).catch(() => undefined)
    await Promise.race([this.#outcome.promise, timer])
    over.abort()
    return true
  }
}

type Guard = DurableObjectStub<LoginGuard>

/**
 * Makes an attempt to log in, counted for the client's address and for the account of this name; null, where the account is not
 * what is guessed at, leaves it out.
 * @throws {RegistryError} TOOMANYREQUESTS with `Retry-After` where the attempt may not be made yet
 */
export async function guarded(
  context: AuthContext,
  name: string | null,
  attempt: () => Promise<boolean>,
): Promise<boolean> {
  const { logins, settings, address } = context
  const byAddress = address === '' ? null : logins.getByName(`address:${networkOf(address)}`)
  const byName = name === null ? null : logins.getByName(`account:${name.slice(0, NAME_LENGTH)}`)
  // One after the other: a client that has to wait does not lock accounts, nor a locked account its clients.
  if (byAddress !== null) await count(byAddress, settings.loginFailuresMax)
  if (byName !== null) {
    try {
      await count(byName, settings.loginFailuresMax)
    } catch (error) {
      await byAddress?.takeBack()
      throw error
    }
  }
  let right = false
  try {
    right = await attempt()
  } finally {
    if (right) await Promise.all([byAddress?.takeBack(), byName?.forget()])
    else await Promise.all([byAddress?.failed(), byName?.failed()])
  }
  return right
}

async function count(guard: Guard, failuresMax: number): Promise<void> {
  const waitMs = await guard.attempt(failuresMax)
  if (waitMs === 0) return
  const seconds = Math.ceil(waitMs / 1000)
  throw new RegistryError('TOOMANYREQUESTS', {
    message: `too many failed logins: try again in ${seconds} s`,
    headers: { 'Retry-After': String(seconds) },
  })
}

/** What one client has: of IPv6 a /64, in which it may choose its address freely (RFC 4291 section 2.5.1); else the address. */
function networkOf(address: string): string {
  const host = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1)
  // An IPv4-mapped address is one of IPv4.
  if (host === undefined || host.startsWith('::ffff:')) return host ?? address
  const [head = '', tail] = host.split('::')
  const groups = (part: string | undefined) => (part ? part.split(':') : [])
  const [before, after] = [groups(head), groups(tail)]
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].slice(0, 4).join(':')
}
