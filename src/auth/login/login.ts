/**
 * Login with a name and a password or an access token. Every refusal has the same text and takes the same time, whether the name is
 * unknown, the account is disabled or the password is wrong.
 */

import { logError } from '../../lib/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import {
  anonymousGrants,
  findCredentials,
  findTokenByName,
  findTokenBySecret,
  hasAccounts,
  noteTokenUse,
  type TokenCredentials,
} from '../../store/access/credentials.ts'
import { noteFailedLogin } from '../../store/access/failed-logins.ts'
import type { Grant } from '../../store/access/grants.ts'
import type { Database } from '../../store/database/database.ts'
import { Memory } from '../../store/database/memory.ts'
import { hashAccessToken, isAccessToken } from './access-tokens.ts'
import type { AuthContext, AuthSettings } from './auth-settings.ts'
import { guarded, networkOf } from './guarded-login.ts'
import { HashTurns } from './hash-turns.ts'
import { verifyHtpasswd } from './htpasswd.ts'
import type { Identity } from './identity.ts'
import { KnownCredentials } from './known-credentials.ts'
import { verifyPassword } from './passwords.ts'
import { EVERYTHING, Rights } from './rights.ts'

const ADMIN = 'admin'

/** The last use of an access token has this precision, which saves a write with each request. */
const USE_NOTED_MS = 60_000

/** As in docker/distribution, which has no rights for single users. */
const HTPASSWD_GRANTS: readonly Grant[] = [{ pattern: '**', actions: ['pull', 'push', 'delete'] }]

/** An identity with a password has a verifier. */
type PasswordHolder = Identity & { verifier: string }

/** One text for every reason: a stranger must not learn which names exist. */
const WRONG_CREDENTIALS = 'wrong user name, password or access token'

const known = new KnownCredentials()

const hashTurns = new HashTurns()

/** Databases that have at least one account. */
const peopled = new Memory<true>(Number.POSITIVE_INFINITY)

/**
 * @throws {RegistryError} UNAUTHORIZED without its challenge; TOOMANYREQUESTS with `Retry-After` after too many failures;
 * UNAVAILABLE where nobody can log in yet
 */
export async function login(
  context: AuthContext,
  { user, password }: { user: string; password: string },
): Promise<Identity> {
  await requireCredentials(context)
  const identity = isAccessToken(password)
    ? await loginByToken(context, user, password)
    : await loginByPassword(context, user, password)
  if (identity !== null) return identity
  await countFailedLogin(context, user)
  throw new RegistryError('UNAUTHORIZED', { message: WRONG_CREDENTIALS })
}

/** The caller gets the login error even where counting fails. */
async function countFailedLogin({ db, address }: AuthContext, user: string): Promise<void> {
  try {
    await noteFailedLogin(db, user, address === '' ? '' : networkOf(address), Date.now())
  } catch (error) {
    logError({ message: 'a failed login could not be counted' }, error)
  }
}

/** The current identity of this subject; null where it can no longer log in, or never could. */
export async function identityOf(context: AuthContext, subject: string): Promise<Identity | null> {
  const slash = subject.indexOf('/')
  if (slash < 0) return passwordHolder(context, subject)
  const owner = subject.slice(0, slash)
  const token = await findTokenByName(context.db, owner, subject.slice(slash + 1))
  return token !== null && isValid(token) ? tokenIdentity(owner, token) : null
}

export async function anonymousIdentity(db: Database): Promise<Identity> {
  const rights = new Rights(await anonymousGrants(db))
  return { kind: 'anonymous', subject: '', rights, verifier: null, session: null }
}

/**
 * A registry without credentials is closed, so that it is never open to everybody by accident.
 * @throws {RegistryError} UNAVAILABLE, saying what to set
 */
export async function requireCredentials({ db, settings }: AuthContext): Promise<void> {
  const { adminPassword, htpasswd, tokenAuth } = settings
  if (adminPassword !== null || htpasswd !== null || tokenAuth !== null || peopled.get(db)) return
  if (!(await hasAccounts(db))) {
    throw new RegistryError('UNAVAILABLE', {
      message:
        'this registry has no credentials yet: its owner must set the variable ADMIN_PASSWORD to a password of at least 12 characters',
    })
  }
  peopled.set(db, true)
}

async function loginByPassword(
  context: AuthContext,
  user: string,
  password: string,
): Promise<Identity | null> {
  const holder = await passwordHolder(context, user)
  const entry = holder && (await known.entryOf(holder.verifier, password))
  if (entry !== null && known.has(entry)) return holder
  const isFound = () => entry !== null && known.has(entry)
  const check = async () => {
    const right = await isPasswordOf(holder, password, context.settings)
    if (right && entry !== null) known.add(entry)
    return right
  }
  const right = await guarded(context, user, () => hashTurns.take(check, isFound))
  return right ? holder : null
}

/**
 * Nobody can guess a token. A wrong one counts for the address only: an expired token in some script must not lock its owner out.
 */
async function loginByToken(
  context: AuthContext,
  user: string,
  secret: string,
): Promise<Identity | null> {
  const token = await findTokenBySecret(context.db, user, await hashAccessToken(secret))
  const valid = token !== null && isValid(token)
  if (!valid) {
    await guarded(context, null, async () => false)
    return null
  }
  await noteUse(context.db, token)
  return tokenIdentity(user, token)
}

async function passwordHolder(
  { db, settings }: AuthContext,
  name: string,
): Promise<PasswordHolder | null> {
  const { adminPassword, htpasswd } = settings
  if (name === ADMIN && adminPassword !== null) {
    const verifier = (await sha256(adminPassword)).toHex()
    const rights = new Rights(EVERYTHING)
    return { kind: 'admin', subject: name, rights, verifier, session: null }
  }
  const account = await findCredentials(db, name)
  if (account !== null) {
    const { passwordHash: verifier, disabled, grants, session } = account
    if (disabled || verifier === null) return null
    return { kind: 'account', subject: name, rights: new Rights(grants), verifier, session }
  }
  const verifier = htpasswd?.get(name)
  if (verifier === undefined) return null
  const rights = new Rights(HTPASSWD_GRANTS)
  return { kind: 'htpasswd', subject: name, rights, verifier, session: null }
}

/** Computes one hash of each kind in use for every name, so that the time reveals nothing about the name. */
async function isPasswordOf(
  holder: PasswordHolder | null,
  password: string,
  { htpasswd }: AuthSettings,
): Promise<boolean> {
  const of = (kind: Identity['kind']) => (holder?.kind === kind ? holder : null)
  const admin = of('admin')
  const matches = [
    admin !== null && (await hasSha256(password, admin.verifier)),
    await verifyPassword(password, of('account')?.verifier ?? null),
    htpasswd !== null &&
      (await verifyHtpasswd(htpasswd, of('htpasswd')?.subject ?? null, password)),
  ]
  return matches.includes(true)
}

function isValid({ ownerDisabled, revokedAt, expiresAt }: TokenCredentials): boolean {
  if (ownerDisabled || revokedAt !== null) return false
  return expiresAt === null || Date.now() < expiresAt
}

function tokenIdentity(owner: string, token: TokenCredentials): Identity {
  return {
    kind: 'token',
    subject: `${owner}/${token.name}`,
    rights: new Rights(token.grants, token.limit),
    verifier: token.secretHash,
    session: token.session,
  }
}

async function noteUse(db: Database, { id, lastUsedAt }: TokenCredentials): Promise<void> {
  const now = Date.now()
  if (lastUsedAt !== null && now - lastUsedAt < USE_NOTED_MS) return
  try {
    await noteTokenUse(db, id, now)
  } catch (error) {
    logError({ message: 'the use of an access token could not be noted', token: id }, error)
  }
}

/** Compares hashes, so that neither the time nor the length reveals how much was right. */
async function hasSha256(text: string, hash: string): Promise<boolean> {
  return crypto.subtle.timingSafeEqual(await sha256(text), Uint8Array.fromHex(hash))
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
