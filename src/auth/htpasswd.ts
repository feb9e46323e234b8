/**
 * Users of an htpasswd file, as docker/distribution takes them (registry/auth/htpasswd): lines of `name:hash`, with hashes of
 * bcrypt alone. Other lines are read and let nobody in.
 */
import { compare } from 'bcryptjs'

/** Hashes by user name. */
export type Htpasswd = ReadonlyMap<string, string>

/** Go's bcrypt and bcryptjs compute no lower one: such a hash lets nobody in. */
const COST_MIN = 4

/** bcryptjs takes more than a second for a higher one, of the CPU time that a request has. */
const COST_MAX = 14

/** A slash stands between an account and its access token; with the name `oidc` comes an ID token. */
const NOBODYS_NAME = /^oidc$|\//

/**
 * @throws {Error} naming the first line that is no entry, or whose name or hash is not taken. It does not show the line, which may hold
 * a password, as docker/distribution does.
 */
export function parseHtpasswd(text: string): Htpasswd {
  const users = new Map<string, string>()
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.trim()
    if (entry === '' || entry.startsWith('#')) continue
    const colon = entry.indexOf(':')
    // Nobody has the empty name, which stands for anonymous here.
    if (colon < 1) throw new Error(`htpasswd: invalid entry at line ${index + 1}: not name:hash`)
    const name = entry.slice(0, colon)
    if (NOBODYS_NAME.test(name)) {
      throw new Error(`htpasswd: the name at line ${index + 1} is oidc or has a slash`)
    }
    const hash = entry.slice(colon + 1)
    if (costOf(hash) > COST_MAX) {
      throw new Error(`htpasswd: the bcrypt cost at line ${index + 1} is higher than ${COST_MAX}`)
    }
    users.set(name, hash)
  }
  return users
}

/**
 * Whether the user has this password, of which bcrypt takes the first 72 bytes. It takes the same time for every user, and for
 * null, whom nobody is: each step of the cost doubles the time, so that the steps that are missing to the highest cost add up.
 */
export async function verifyHtpasswd(
  users: Htpasswd,
  user: string | null,
  password: string,
): Promise<boolean> {
  const highest = Math.max(0, ...[...users.values()].map(costOf))
  if (highest === 0) return false
  const hash = user === null ? undefined : users.get(user)
  const cost = hash === undefined ? 0 : costOf(hash)
  if (hash === undefined || cost === 0) return compareToNothing(password, highest)
  const right = await compare(password, hash)
  for (let step = cost; step < highest; step += 1) await compareToNothing(password, step)
  return right
}

/** Of bcrypt's hashes the binary logarithm of their rounds; 0 for what is none. */
function costOf(hash: string): number {
  const [, cost] = /^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$/.exec(hash) ?? []
  return Number(cost) >= COST_MIN ? Number(cost) : 0
}

async function compareToNothing(password: string, cost: number): Promise<false> {
  await compare(password, `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`)
  return false
}
