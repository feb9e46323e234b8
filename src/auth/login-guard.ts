/**
 * Counts failed logins, exactly: one Durable Object for each account name and one for each client address that somebody tried. An
 * attempt counts as failed before its password is hashed, so that attempts at the same time cannot outrun the count. A name's
 * failures do not count where it has logged in from: strangers cannot lock its owner out.
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

/**
 * A name bears so many times the failures that an address does: whoever guesses is slowed at its own address first, and only many
 * addresses together make a name wait.
 */
export const NAME_FACTOR = 5

/** From where a name has logged in is remembered for so long, and noted again after a day. */
const KNOWN_MS = 30 * 24 * 60 * 60 * 1000
const NOTED_MS = 24 * 60 * 60 * 1000
const KNOWN_MAX = 20

/** Account names have up to 64 characters: a longer name shares its count, but never with an account. */
const NAME_LENGTH = 65

interface Failures {
  /** Those whose outcome is not known yet included. */
  count: number
  blockedUntil: number
  forgottenAt: number
}

type Networks = Record<string, number>

const NONE: Failures = { count: 0, blockedUntil: 0, forgottenAt: 0 }

export class LoginGuard extends DurableObject {
  /** Attempts that were let through and whose outcome is not known yet. */
  #open = 0
  #outcome = Promise.withResolvers<void>()

  /**
   * Counts an attempt as failed and lets it through, unless there were `failuresMax` and their wait is not over.
   * @param waits whether it may take a while to hear how the attempts before it end
   * @returns 0, or the milliseconds to wait: then nothing was counted
   */
  async attempt(failuresMax: number, waits = true): Promise<number> {
    const deadline = Date.now() + OUTCOME_MS
    // Many right passwords at the same time look like as many failures until their outcome is known.
    while (waits && this.#waitMs > 0 && this.#open > 0) {
      if (!(await this.#outcomeBefore(deadline))) break
    }
    const waitMs = this.#waitMs
    if (waitMs > 0) return waitMs
    this.#open += 1
    await this.#count(failuresMax)
    return 0
  }

  /** The same for a name, from a network; what comes from where the name has logged in is let through, and not counted. */
  async attemptFrom(network: string, failuresMax: number, waits = true): Promise<number | 'known'> {
    return network in this.#networks ? 'known' : this.attempt(failuresMax, waits)
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
    else await this.#drop()
    this.#settle()
  }

  /** The attempt was right: forgets all failures, and remembers where it came from. */
  async forget(network: string | null = null): Promise<void> {
    await this.#drop()
    if (network !== null) await this.remember(network)
    this.#settle()
  }

  /** An attempt was right that was not counted. */
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

  /** The networks that the name has logged in from, each with the time when that is forgotten. */
  get #networks(): Networks {
    const networks = this.ctx.storage.kv.get<Networks>('networks') ?? {}
    const now = Date.now()
    return Object.fromEntries(Object.entries(networks).filter(([, until]) => now < until))
  }

  /** Drops the failures, and everything where there are no networks either. */
  async #drop(): Promise<void> {
    const networks = this.#networks
    if (Object.keys(networks).length === 0) return this.ctx.storage.deleteAll()
    this.ctx.storage.kv.delete('failures')
    await this.#wakeLater()
  }

  /** Sets the alarm for the first thing that is to be forgotten. */
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
    // A timer that nobody waits for would keep the object in memory.
    const over = new AbortController()
    const timer = scheduler.wait(left, { signal: over.signal }).catch(() => undefined)
    await Promise.race([this.#outcome.promise, timer])
    over.abort()
    return true
  }
}

/**
 * Makes an attempt to log in, counted for the client's address and for the account of this name; null, where the account is not
 * what is guessed at, leaves it out.
 * @throws {RegistryError} TOOMANYREQUESTS with `Retry-After` where the attempt may not be made yet
 */
export async function guarded(
  { logins, settings, address }: AuthContext,
  name: string | null,
  attempt: () => Promise<boolean>,
): Promise<boolean> {
  const max = settings.loginFailuresMax
  const network = address === '' ? null : networkOf(address)
  const byAddress = network === null ? null : logins.getByName(`address:${network}`)
  const byName = name === null ? null : logins.getByName(`account:${name.slice(0, NAME_LENGTH)}`)
  const askAddress = async (waits: boolean) => byAddress?.attempt(max, waits) ?? 0
  // Where no addresses are told, the name's count has to do alone.
  const askName = async (waits: boolean) =>
    (network === null
      ? byName?.attempt(max, waits)
      : byName?.attemptFrom(network, max * NAME_FACTOR, waits)) ?? 0
  let [addressAnswer, nameAnswer] = await Promise.all([askAddress(false), askName(false)])
  if (addressAnswer > 0 || isWait(nameAnswer)) {
    // A client that has to wait does not lock accounts, nor a locked account its clients.
    if (addressAnswer === 0) await byAddress?.takeBack()
    if (nameAnswer === 0) await byName?.takeBack()
    // Who waits for others goes one way, the address first: else two could wait for each other.
    addressAnswer = await askAddress(true)
    if (addressAnswer > 0) throw tooMany(addressAnswer, 'from this address')
    nameAnswer = await askName(true)
    if (isWait(nameAnswer)) {
      await byAddress?.takeBack()
      throw tooMany(nameAnswer, 'with this name from elsewhere')
    }
  }
  let right = false
  try {
    right = await attempt()
  } finally {
    const isKnown = nameAnswer === 'known' && network !== null
    await (right
      ? Promise.all([
          byAddress?.takeBack(),
          isKnown ? byName?.remember(network) : byName?.forget(network),
        ])
      : Promise.all([byAddress?.failed(), isKnown ? null : byName?.failed()]))
  }
  return right
}

function isWait(answer: number | 'known'): answer is number {
  return answer !== 'known' && answer > 0
}

function tooMany(
  waitMs: number,
  where: 'from this address' | 'with this name from elsewhere',
): RegistryError {
  const seconds = Math.ceil(waitMs / 1000)
  const ways =
    where === 'from this address'
      ? ''
      : ', or log in with an access token, or from an address where this name has logged in before'
  return new RegistryError('TOOMANYREQUESTS', {
    message: `too many failed logins ${where}: try again in ${seconds} s${ways}`,
    headers: { 'Retry-After': String(seconds) },
  })
}

/** What one client has: of IPv6 a /64, in which it may choose its address freely (RFC 4291 section 2.5.1); else the address. */
export function networkOf(address: string): string {
  const host = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1)
  // An IPv4-mapped address is one of IPv4.
  if (host === undefined || host.startsWith('::ffff:')) return host ?? address
  const [head = '', tail] = host.split('::')
  const groups = (part: string | undefined) => (part ? part.split(':') : [])
  const [before, after] = [groups(head), groups(tail)]
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].slice(0, 4).join(':')
}
