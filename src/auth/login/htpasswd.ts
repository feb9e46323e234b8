/**
 * Users of an htpasswd file, as docker/distribution reads it (registry/auth/htpasswd): lines of `name:hash`. Only bcrypt hashes are
 * supported; entries with other hashes never match a password.
 */
import { compare } from 'bcryptjs'

/** Hashes by user name. */
export type Htpasswd = ReadonlyMap<string, string>

/** Go's bcrypt and bcryptjs support no lower cost: no password matches such a hash. */
const COST_MIN = 4

/** A higher cost takes bcryptjs more than a second of the request's CPU time. */
const COST_MAX = 14

/** A slash separates an account from its access token's name; the name `oidc` comes with an ID token. */
const NOBODYS_NAME = /^oidc$|\//

/**
 * @throws {Error} with the number of the first line that is no entry, or whose name or hash is not allowed. Unlike
 * docker/distribution, it does not show the line, which may hold a password.
 */
export function parseHtpasswd(text: string): Htpasswd {
  const users = new Map<string, string>()
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.trim()
    if (entry === '' || entry.startsWith('#')) continue
    const colon = entry.indexOf(':')
    // The empty name is refused: it means anonymous here.
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
 * Whether the user has this password; bcrypt uses its first 72 bytes. It takes the same time for every user, and for null (no such
 * user): each step of the cost doubles the time, so one comparison for each missing step fills the time up to the highest cost.
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

/** The cost of a bcrypt hash (binary logarithm of its rounds); 0 for other text. */
function costOf(hash: string): number {
  const [, cost] = /^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$/.exec(hash) ?? []
  return Number(cost) >= COST_MIN ? Number(cost) : 0
}

async function compareToNothing(password: string, cost: number): Promise<false> {
  await compare(password, `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`)
  return false
}
