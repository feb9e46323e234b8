/** The middleware that stands beside each route and says what the route needs. */
import type { Context } from 'hono'
import { type Authentication, authenticate } from '../../auth/login/authenticate.ts'
import { type Caller, callerByIdentity } from '../../auth/login/caller.ts'
import { type Challenge, missing, unauthorized } from '../../auth/login/challenge.ts'
import { anonymousIdentity } from '../../auth/login/login.ts'
import { Rights } from '../../auth/login/rights.ts'
import type { Scope } from '../../auth/tokens/scopes.ts'
import { RegistryError } from '../../oci/errors.ts'
import { isRepositoryName } from '../../oci/name.ts'
import { requireAllowed } from '../../registry/policy.ts'
import { type AppEnv, authContext, type EmbeddedCaller, factory } from './context.ts'
import { absoluteUrl } from './locations.ts'

/**
 * What a route needs: nothing at all; any valid credential, an anonymous token too; an action on the path's repository; the list
 * of repositories; or, for the administration API, a name and a password, or those of an administrator.
 */
export type Access = 'none' | 'any' | 'pull' | 'push' | 'delete' | 'catalog' | 'signed-in' | 'admin'

const CATALOG: Scope = { type: 'registry', name: 'catalog', actions: ['*'] }

/** For so long a right that was checked is taken to last. */
const RIGHT_LASTS_MS = 10_000

/**
 * Lets a request through to its handler only with the right to `access`, and refuses deletes where they are switched off.
 * The right is checked when the request begins, and before all else: who may not delete is not told whether others may,
 * and who may not pull is not told what there is.
 */
export function allow(access: Access) {
  return factory.createMiddleware(async function guard(c, next) {
    if (access === 'none') return next()
    c.set('caller', await admit(c, access))
    if (access === 'delete') requireDeletes(c)
    if (access === 'pull' || access === 'push' || access === 'delete') {
      await requireAllowed(c.get('hooks').policy, {
        action: access,
        repository: c.get('repository'),
        reference: c.get('reference'),
        subject: c.get('caller').subject,
      })
    }
    await next()
  })
}

/**
 * Checks the right once more where the request's body took long: whoever lost it meanwhile must not move a tag. Not for blobs, whose
 * body may outlast the bearer token by which it is sent.
 * @param since when the body began to be read
 * @throws {RegistryError} as the guard does
 */
export async function stillAllowed(
  c: Context<AppEnv>,
  access: Access,
  since: number,
): Promise<void> {
  if (Date.now() - since >= RIGHT_LASTS_MS) c.set('caller', await admit(c, access))
}

/** @throws {RegistryError} UNSUPPORTED where the operator switched deletes off */
export function requireDeletes(c: Context<AppEnv>): void {
  if (c.get('settings').deleteEnabled) return
  throw new RegistryError('UNSUPPORTED', {
    message: 'deleting is switched off on this registry (DELETE_ENABLED)',
    headers: { Allow: 'GET, HEAD' },
  })
}

async function admit(c: Context<AppEnv>, access: Access): Promise<Caller> {
  const scopes = scopesFor(c, access)
  const challenge = (extra: Partial<Challenge> = {}) =>
    unauthorized({ tokens: tokenEndpoint(c, access), scopes, ...extra })
  const authentication = await authenticateHere(c, challenge)
  if (authentication === 'invalid token') {
    throw challenge({ error: 'invalid_token', message: 'the bearer token is not valid' })
  }
  if (authentication === 'no credentials') {
    const caller = await anonymousCaller(c, access)
    if (caller !== null && hasRight(caller, c.get('repository'), access)) return caller
    throw challenge()
  }
  if (hasRight(authentication, c.get('repository'), access)) return authentication
  // The log says who was refused.
  c.set('caller', authentication)
  if (authentication.scheme === 'bearer') {
    throw challenge({
      error: 'insufficient_scope',
      message:
        authentication.subject === ''
          ? 'log in: this is not open to everybody'
          : 'the bearer token does not allow this: ask for one with the scope of this answer',
    })
  }
  throw new RegistryError('DENIED', { detail: scopes.flatMap(missing) })
}

/** A wrong password is told where a right one is had. */
async function authenticateHere(
  c: Context<AppEnv>,
  challenge: (extra: Partial<Challenge>) => RegistryError,
): Promise<Authentication> {
  const { authenticate: login } = c.get('hooks')
  if (login !== null) return embeddedCaller(await login(c.req.raw))
  try {
    return await authenticate(c.req.header('Authorization') ?? null, authContext(c))
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 401) throw error
    throw challenge({ message: error.message })
  }
}

function embeddedCaller(known: EmbeddedCaller | null): Authentication {
  if (known === null) return 'no credentials'
  const { name: subject, grants } = known
  const rights = new Rights(grants)
  return callerByIdentity(
    { kind: 'embedded', subject, rights, verifier: null, session: null },
    'basic',
  )
}

/**
 * Where Basic is asked for, nobody without a name can get an anonymous token: what it would allow is allowed right away. Not where
 * the answer depends on the caller: clients that have a password send it only when they are asked.
 */
async function anonymousCaller(c: Context<AppEnv>, access: Access): Promise<Caller | null> {
  if (tokenEndpoint(c, access) !== null || access === 'any' || access === 'catalog') {
    return null
  }
  return callerByIdentity(await anonymousIdentity(c.get('db')), 'none')
}

function hasRight(caller: Caller, repository: string, access: Access): boolean {
  const { scheme, rights, identity } = caller
  switch (access) {
    case 'none':
    case 'any':
      return true
    case 'pull':
    case 'delete':
      return rights.on(repository).has(access)
    case 'push':
      // Whether tags may be moved, too, is decided where they are set.
      return rights.on(repository).has('create')
    case 'catalog':
      return caller.mayList
    case 'signed-in':
      return scheme === 'open' || (identity !== null && identity.kind !== 'anonymous')
    case 'admin':
      return scheme === 'open' || (identity !== null && rights.isAdministrator)
  }
}

/** What a token has to be asked for: docker/distribution, "Docker Registry Token Scope and Access". */
function scopesFor(c: Context<AppEnv>, access: Access): Scope[] {
  const repository = c.get('repository')
  const on = (name: string, ...actions: string[]) => ({ type: 'repository', name, actions })
  switch (access) {
    case 'pull':
      return [on(repository, 'pull')]
    case 'push':
      return [on(repository, 'pull', 'push'), ...mountSource(c)]
    case 'delete':
      return [on(repository, 'delete')]
    case 'catalog':
      return [CATALOG]
    default:
      return []
  }
}

/** A mount that names no source takes a blob from any repository that the caller may pull from. */
function mountSource(c: Context<AppEnv>): Scope[] {
  const { mount, from } = c.req.query()
  if (mount === undefined) return []
  if (!from) return c.get('settings').tokenAuth === null ? [CATALOG] : []
  return isRepositoryName(from) ? [{ type: 'repository', name: from, actions: ['pull'] }] : []
}

/** Where bearer tokens are had; null where Basic is asked for: by the operator's choice, and by the administration API. */
function tokenEndpoint(c: Context<AppEnv>, access: Access): Challenge['tokens'] {
  const { tokenAuth, challenge, tokenService } = c.get('settings')
  if (access === 'signed-in' || access === 'admin' || c.get('hooks').authenticate !== null) {
    return null
  }
  if (tokenAuth !== null) return { realm: tokenAuth.realm, service: tokenAuth.service }
  if (challenge === 'basic') return null
  return { realm: absoluteUrl(c, '/token'), service: tokenService }
}
