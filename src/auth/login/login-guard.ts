/**
 * Counts failed logins exactly: one Durable Object for each account name and for each client address with an attempt. An attempt
 * counts as failed before its password is hashed, so that concurrent attempts cannot outrun the count. Attempts on a name from
 * networks where it has logged in before do not count: strangers cannot lock its owner out.
 */
import { DurableObject } from 'cloudflare:workers'

/** The first wait; each further failure doubles it. */
const FIRST_WAIT_MS = 30_000
const LONGEST_WAIT_MS = 60 * 60 * 1000

/** Failures are forgotten this long after the last counted attempt, or after its wait ended. */
const REMEMBER_MS = 60 * 60 * 1000

/** How long an attempt waits for the outcome of those before it. */
const OUTCOME_MS = 2000

/** A network is remembered this long after a login of the name; the time is renewed at most once a day. */
const KNOWN_MS = 30 * 24 * 60 * 60 * 1000
const NOTED_MS = 24 * 60 * 60 * 1000
const KNOWN_MAX = 20

interface Failures {
  /** Includes attempts whose outcome is not known yet. */
  count: number
  blockedUntil: number
  forgottenAt: number
}

type Networks = Record<string, number>

const NONE: Failures = { count: 0, blockedUntil: 0, forgottenAt: 0 }

export class LoginGuard extends DurableObject {
  /** Attempts that were allowed and whose outcome is not known yet. */
  #open = 0
  #outcome = Promise.withResolvers<void>()

  /**
   * Counts an attempt as failed and allows it, unless there were `failuresMax` failures and their wait is not over.
   * @param waits whether it may wait for the outcome of earlier attempts
   * @returns 0 if allowed; otherwise the milliseconds to wait, and nothing was counted
   */
  async attempt(failuresMax: number, waits = true): Promise<number> {
    const deadline = Date.now() + OUTCOME_MS
    // Until their outcome is known, many right passwords at the same time look like as many failures.
    while (waits && this.#waitMs > 0 && this.#open > 0) {
      if (!(await this.#outcomeBefore(deadline))) break
    }
    const waitMs = this.#waitMs
    if (waitMs > 0) return waitMs
    this.#open += 1
    await this.#count(failuresMax)
    return 0
  }

  /** The same for a name, from a network. An attempt from a network where the name has logged in is allowed and not counted. */
  async attemptFrom(network: string, failuresMax: number, waits = true): Promise<number | 'known'> {
    return network in this.#networks ? 'known' : this.attempt(failuresMax, waits)
  }

  /** The attempt failed. It is already counted. */
  failed(): void {
    this.#settle()
  }

  /** The attempt was right, or was not made: removes its own count. */
  async takeBack(): Promise<void> {
    const failures = this.#failures
    const count = failures.count - 1
    if (count > 0) this.ctx.storage.kv.put('failures', { ...failures, count, blockedUntil: 0 })
    else await this.#drop()
    this.#settle()
  }

  /** The attempt was right: forgets all failures and remembers its network. */
  async forget(network: string | null = null): Promise<void> {
    await this.#drop()
    if (network !== null) await this.remember(network)
    this.#settle()
  }

  /** An uncounted attempt was right. */
  async remember(network: string): Promise<void> {
    const now = Date.now()
    const { [network]: until = 0, ...others } = this.#networks
    if (until > now + KNOWN_MS - NOTED_MS) return
    const latest = Object.entries(others).sort(([, one], [, other]) => other - one)
    const kept = [[network, now + KNOWN_MS] as const, ...latest].slice(0, KNOWN_MAX)
    this.ctx.storage.kv.put<Networks>('networks', Object.fromEntries(kept))
    await this.#wakeLater()
  }

  override async alarm(): Promise<void> {
    if (this.#failures === NONE) await this.#drop()
    else await this.#wakeLater()
  }

  /** The networks where the name has logged in, each with the time when it is forgotten. */
  get #networks(): Networks {
    const networks = this.ctx.storage.kv.get<Networks>('networks') ?? {}
    const now = Date.now()
    return Object.fromEntries(Object.entries(networks).filter(([, until]) => now < until))
  }

  /** Deletes the failures, or all storage where there are no networks either. */
  async #drop(): Promise<void> {
    const networks = this.#networks
    if (Object.keys(networks).length === 0) return this.ctx.storage.deleteAll()
    this.ctx.storage.kv.delete('failures')
    await this.#wakeLater()
  }

  /** Sets the alarm for the earliest time at which something is forgotten. */
  async #wakeLater(): Promise<void> {
    const failures = this.#failures
    const times = [
      ...(failures === NONE ? [] : [failures.forgottenAt]),
      ...Object.values(this.#networks),
    ]
    if (times.length > 0) await this.ctx.storage.setAlarm(Math.min(...times))
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
    await this.#wakeLater()
  }

  #settle(): void {
    this.#open = Math.max(0, this.#open - 1)
    this.#outcome.resolve()
    this.#outcome = Promise.withResolvers<void>()
  }

  async #outcomeBefore(deadline: number): Promise<boolean> {
    const left = deadline - Date.now()
    if (left <= 0) return false
    // A timer left running would keep the object in memory.
    const over = new AbortController()
    const timer = scheduler.wait(left, { signal: over.signal }).catch(() => undefined)
    await Promise.race([this.#outcome.promise, timer])
    over.abort()
    return true
  }
}
