/** Guards a login attempt: checks the failed logins of the client's address and of the account name first. */
import { RegistryError } from '../oci/errors.ts'
import type { AuthContext } from './auth-settings.ts'

/**
 * A name allows this many times the failures that an address does. A single guesser reaches the limit of its address first; only
 * many addresses together make a name wait.
 */
export const NAME_FACTOR = 5

/** Account names have up to 64 characters. Longer names may share a count with each other, but never with an account. */
const NAME_LENGTH = 65

/**
 * Makes a login attempt, counted for the client's address and for the account `name`. A null name counts for the address only.
 * @throws {RegistryError} TOOMANYREQUESTS with `Retry-After` where the attempt must wait
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
  // Without a client address, only the count of the name limits attempts.
  const askName = async (waits: boolean) =>
    (network === null
      ? byName?.attempt(max, waits)
      : byName?.attemptFrom(network, max * NAME_FACTOR, waits)) ?? 0
  let [addressAnswer, nameAnswer] = await Promise.all([askAddress(false), askName(false)])
  if (addressAnswer > 0 || isWait(nameAnswer)) {
    // A waiting client does not lock accounts, and a locked account does not block its clients.
    if (addressAnswer === 0) await byAddress?.takeBack()
    if (nameAnswer === 0) await byName?.takeBack()
    // Waiting for other attempts has one order, the address first: otherwise two attempts could wait for each other.
    addressAnswer = await askAddress(true)
    if (addressAnswer > 0) throw tooMany(addressAnswer, 'from this address')
    nameAnswer = await askName(true)
    if (isWait(nameAnswer)) {
      await byAddress?.takeBack()
      throw tooMany(nameAnswer, 'with this name from elsewhere')
    }
  }
  const isKnown = nameAnswer === 'known' && network !== null
  let outcome: 'right' | 'failed' | 'not made' = 'failed'
  try {
    if (await attempt()) outcome = 'right'
  } catch (error) {
    // Refused before the password was checked. An attempt that breaks off anywhere else counts as failed.
    if (error instanceof RegistryError) outcome = 'not made'
    throw error
  } finally {
    await settle(outcome)
  }
  return outcome === 'right'

  async function settle(outcome: 'right' | 'failed' | 'not made'): Promise<void> {
    await Promise.all([
      outcome === 'failed' ? byAddress?.failed() : byAddress?.takeBack(),
      settleName(),
    ])

    async function settleName(): Promise<void> {
      if (isKnown) return outcome === 'right' ? byName?.remember(network) : undefined
      if (outcome === 'right') return byName?.forget(network)
      return outcome === 'failed' ? byName?.failed() : byName?.takeBack()
    }
  }
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

/** The network of one client: the /64 of an IPv6 address, which it chooses freely (RFC 4291 section 2.5.1), or the address. */
export function networkOf(address: string): string {
  const host = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1)
  // An IPv4-mapped address counts as IPv4.
  if (host === undefined || host.startsWith('::ffff:')) return host ?? address
  const [head = '', tail] = host.split('::')
  const groups = (part: string | undefined) => (part ? part.split(':') : [])
  const [before, after] = [groups(head), groups(tail)]
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].slice(0, 4).join(':')
}
