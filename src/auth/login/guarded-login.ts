/** Guards login attempts: checks the failed logins of the client's address and of the account name before each attempt. */
import { RegistryError } from '../../oci/errors.ts'
import type { AuthContext } from './auth-settings.ts'
import type { LoginGuard } from './login-guard.ts'

/**
 * A name allows this many times the failures of an address. A single attacker reaches the limit of its address first; only many addresses
 * together make a name wait.
 */
export const NAME_FACTOR = 5

/**
 * Account names have up to 64 characters. Longer names are cut to 65: they may share a count with each other, but never with an account.
 */
const NAME_LENGTH = 65

/**
 * Makes a login attempt, and counts it for the client's address and for the account `name`. If the name is null, only the address counts.
 * @throws {RegistryError} TOOMANYREQUESTS with `Retry-After` if the attempt must wait
 */
export async function guarded(
  context: AuthContext,
  name: string | null,
  attempt: () => Promise<boolean>,
): Promise<boolean> {
  const guards = guardsOf(context, name)
  const isKnown = (await askGuards(guards)) === 'known'
  let outcome: AttemptOutcome = 'failed'
  try {
    if (await attempt()) outcome = 'right'
  } catch (error) {
    // The attempt was refused before the password was checked. Any other exception counts as a failed login.
    if (error instanceof RegistryError) outcome = 'not made'
    throw error
  } finally {
    await Promise.all([
      outcome === 'failed' ? guards.byAddress?.failed() : guards.byAddress?.takeBack(),
      settleName(guards, isKnown, outcome),
    ])
  }
  return outcome === 'right'
}

type AttemptOutcome = 'right' | 'failed' | 'not made'

/** The counts of an attempt. A null address means that the runtime provides none; a null name means that only the address counts. */
interface Guards {
  /** Failures that an address may make before it must wait. */
  max: number
  network: string | null
  byAddress: DurableObjectStub<LoginGuard> | null
  byName: DurableObjectStub<LoginGuard> | null
}

function guardsOf({ logins, settings, address }: AuthContext, name: string | null): Guards {
  const network = address === '' ? null : networkOf(address)
  return {
    max: settings.loginFailuresMax,
    network,
    byAddress: network === null ? null : logins.getByName(`address:${network}`),
    byName: name === null ? null : logins.getByName(`account:${name.slice(0, NAME_LENGTH)}`),
  }
}

/** Milliseconds to wait, or 'known' if the name has logged in from this network before. */
type NameAnswer = number | 'known'

async function askAddress({ max, byAddress }: Guards, waits: boolean): Promise<number> {
  return (await byAddress?.attempt(max, waits)) ?? 0
}

async function askName({ max, network, byName }: Guards, waits: boolean): Promise<NameAnswer> {
  if (byName === null) return 0
  // Without client addresses, only the count of the name is left.
  if (network === null) return byName.attempt(max, waits)
  return byName.attemptFrom(network, max * NAME_FACTOR, waits)
}

/**
 * Counts the attempt.
 * @throws {RegistryError} TOOMANYREQUESTS
 */
async function askGuards(guards: Guards): Promise<NameAnswer> {
  const [ofAddress, ofName] = await Promise.all([askAddress(guards, false), askName(guards, false)])
  if (!isWait(ofAddress) && !isWait(ofName)) return ofName
  // A client that must wait does not add to the count of the account, and a locked account does not add to the count of the client.
  if (ofAddress === 0) await guards.byAddress?.takeBack()
  if (ofName === 0) await guards.byName?.takeBack()
  return admitInTurn(guards)
}

/** Waits for other attempts in one order, the address first: otherwise two attempts could wait for each other. */
async function admitInTurn(guards: Guards): Promise<NameAnswer> {
  const ofAddress = await askAddress(guards, true)
  if (isWait(ofAddress)) throw tooMany(ofAddress, 'from this address')
  const ofName = await askName(guards, true)
  if (!isWait(ofName)) return ofName
  await guards.byAddress?.takeBack()
  throw tooMany(ofName, 'with this name from elsewhere')
}

async function settleName(
  { network, byName }: Guards,
  isKnown: boolean,
  outcome: AttemptOutcome,
): Promise<void> {
  if (isKnown)
    return outcome === 'right' && network !== null ? byName?.remember(network) : undefined
  if (outcome === 'right') return byName?.forget(network)
  return outcome === 'failed' ? byName?.failed() : byName?.takeBack()
}

function isWait(answer: NameAnswer): answer is number {
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

/** The network of one client: an address, or the /64 of an IPv6 address, within which a client chooses freely (RFC 4291 section 2.5.1). */
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
