/** The guard: middleware beside each route that checks the access the route requires. */
import type { Context } from 'hono'
import { type Authentication, authenticate } from '../../auth/login/authenticate.ts'
import { type Caller, callerByIdentity } from '../../auth/login/caller.ts'
import { type Challenge, missing, unauthorized } from '../../auth/login/challenge.ts'
import { anonymousIdentity } from '../../auth/login/login.ts'
import { Rights } from '../../auth/login/rights.ts'
import type { Scope } from '../../auth/tokens/scopes.ts'
import { RegistryError } from '../../oci/errors.ts'
import { isRepositoryName } from '../../oci/name.ts'
import { type PolicyRequest, requireAllowed } from '../../registry/policy.ts'
import { type AppEnv, authContext, type EmbeddedCaller, factory } from './context.ts'
import { absoluteUrl } from './locations.ts'

/**
 * The access that a route requires: nothing; any valid credential, even an anonymous token; an action on the repository of the path; the
 * list of repositories; or, in the administration API, a name and a password, or those of an administrator.
 */
export type Access = 'none' | 'any' | 'pull' | 'push' | 'delete' | 'catalog' | 'signed-in' | 'admin'

const CATALOG: Scope = { type: 'registry', name: 'catalog', actions: ['*'] }

/** Milliseconds for which a checked right is assumed to last. */
const RIGHT_LASTS_MS = 10_000

/**
 * Passes a request to its handler only with the right to `access`, and refuses deletes if they are disabled. The right is checked before
 * everything else. So callers without the right to delete do not learn whether deletes are enabled, and callers without the right to pull
 * do not learn what exists.
 */
export function allow(access: Access) {
  return factory.createMiddleware(async function guard(c, next) {
    if (access === 'none') return next()
    c.set('caller', await admit(c, access))
    if (access === 'delete') requireDeletes(c)
    if (access === 'pull' || access === 'push' || access === 'delete') {
      await askPolicy(c, access, c.get('repository'), c.get('reference'))
    }
    await next()
  })
}

/**
 * Asks the policy of a program that embeds the registry. The administration API asks it for its operations on a repository, too.
 * @throws {RegistryError} DENIED
 */
export function askPolicy(
  c: Context<AppEnv>,
  action: PolicyRequest['action'],
  repository: string,
  reference: string,
): Promise<void> {
  const { subject } = c.get('caller')
  return requireAllowed(c.get('hooks').policy, { action, repository, reference, subject })
}

/**
 * Checks the right again if the request's body took long: a caller that has lost it meanwhile must not move a tag. Not used for blobs,
 * whose body may outlast the bearer token that it is sent with.
 * @param since when reading the body began, in milliseconds since 1970
 * @throws {RegistryError} like the guard
 */
export async function stillAllowed(
  c: Context<AppEnv>,
  access: Access,
  since: number,
): Promise<void> {
  if (Date.now() - since >= RIGHT_LASTS_MS) c.set('caller', await admit(c, access))
}

/** @throws {RegistryError} UNSUPPORTED if the operator disabled deletes */
export function requireDeletes(c: Context<AppEnv>): void {
  if (c.get('settings').deleteEnabled) return
  throw new RegistryError('UNSUPPORTED', {
    message: 'deletes are disabled on this registry (DELETE_ENABLED)',
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
  // The log shows the refused caller.
  c.set('caller', authentication)
  if (authentication.scheme === 'bearer') {
    throw challenge({
      error: 'insufficient_scope',
      message:
        authentication.subject === ''
          ? 'log in to do this'
          : 'the bearer token does not allow this: request one with the scope of this challenge',
    })
  }
  throw new RegistryError('DENIED', { detail: scopes.flatMap(missing) })
}

/** A wrong password gets the challenge too, so the client knows where to log in. */
async function authenticateHere(
  c: Context<AppEnv>,
  challenge: (extra: Partial<Challenge>) => RegistryError,
): Promise<Authentication> {
  const { authenticate: login } = c.get('hooks')
  if (login !== null) return embeddedCaller(await login(withoutBody(c.req.raw)))
  try {
    return await authenticate(c.req.header('Authorization') ?? null, authContext(c))
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 401) throw error
    throw challenge({ message: error.message })
  }
}

/** The body belongs to the handler: a login that reads it would leave nothing to push. */
function withoutBody({ url, method, headers }: Request): Request {
  return new Request(url, { method, headers })
}

function embeddedCaller(known: EmbeddedCaller | null): Authentication {
  if (known === null) return 'no credentials'
  const { name: subject, grants } = known
  // In events and upload ids an empty name is anonymous.
  if (typeof subject !== 'string' || subject === '') {
    throw new Error('authenticate returned a caller without a name')
  }
  const rights = new Rights(grants)
  return callerByIdentity(
    { kind: 'embedded', subject, rights, verifier: null, session: null },
    'basic',
  )
}

/**
 * With Basic challenges, a caller without a name cannot get an anonymous token. So everything that such a token would allow is allowed
 * without one, except where the answer depends on the caller: clients send a password only after a challenge.
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
      // Moving tags is checked where tags are set.
      return rights.on(repository).has('create')
    case 'catalog':
      return caller.mayList
    case 'signed-in':
      return scheme === 'open' || (identity !== null && identity.kind !== 'anonymous')
    case 'admin':
      return scheme === 'open' || (identity !== null && rights.isAdministrator)
  }
}

/** The scopes to request a token for: docker/distribution, "Docker Registry Token Scope and Access". */
function scopesFor(c: Context<AppEnv>, access: Access): Scope[] {
  const repository = c.get('repository')
  const on = (name: string, ...actions: string[]) => ({ type: 'repository', name, actions })
  switch (access) {
    case 'pull':
      return [on(repository, 'pull')]
    case 'push':
      return [on(repository, 'pull', 'push'), ...mountScopes(c)]
    case 'delete':
      return [on(repository, 'delete')]
    case 'catalog':
      return [CATALOG]
    default:
      return []
  }
}

/** A mount without a source takes the blob from any repository that the caller may pull from. */
function mountScopes(c: Context<AppEnv>): Scope[] {
  const { mount, from } = c.req.query()
  if (mount === undefined) return []
  if (!from) return c.get('settings').tokenAuth === null ? [CATALOG] : []
  return isRepositoryName(from) ? [{ type: 'repository', name: from, actions: ['pull'] }] : []
}

/** The endpoint for bearer tokens. Null if the challenge is Basic: by the operator's choice, and always in the administration API. */
function tokenEndpoint(c: Context<AppEnv>, access: Access): Challenge['tokens'] {
  const { tokenAuth, challenge, tokenService } = c.get('settings')
  if (access === 'signed-in' || access === 'admin' || c.get('hooks').authenticate !== null) {
    return null
  }
  if (tokenAuth !== null) return { realm: tokenAuth.realm, service: tokenAuth.service }
  if (challenge === 'basic') return null
  return { realm: absoluteUrl(c, '/token'), service: tokenService }
}
