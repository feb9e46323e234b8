/** Who sent a request and what it may do, however it authenticated. */
import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import { isRepositoryName } from '../../oci/name.ts'
import { ACTIONS, type Action, type Grant } from '../../store/access/grants.ts'
import type { VerifiedToken } from '../tokens/verified-token.ts'
import type { Identity } from './identity.ts'
import { EVERYTHING, Rights } from './rights.ts'

export interface Caller {
  scheme: 'open' | 'basic' | 'bearer' | 'none'
  /** As in Identity: '' for anonymous. */
  subject: string
  rights: Rights
  /** Whether it may request lists of names. They show the repositories that are `visible` to it; null means all. */
  mayList: boolean
  visible: readonly RepositoryPattern[] | null
  /** Null where the caller came with a bearer token, or the registry is open. */
  identity: Identity | null
}

/** Every caller, where the operator opened the registry. */
export const ANYBODY: Caller = {
  scheme: 'open',
  subject: '',
  rights: new Rights(EVERYTHING),
  mayList: true,
  visible: null,
  identity: null,
}

export function callerByIdentity(identity: Identity, scheme: 'basic' | 'none'): Caller {
  const { subject, rights } = identity
  return { scheme, subject, rights, mayList: true, visible: rights.pullable, identity }
}

/**
 * The `access` claim holds the bearer's rights: exact names, never patterns, whoever signed the token. `current` are the subject's
 * present rights, for a token with `ask`.
 */
export function callerByToken(
  { subject, access, visible, ask = [] }: VerifiedToken,
  current: Rights | null,
): Caller {
  const repositories = access.filter(
    ({ type, name }) => type === 'repository' && isRepositoryName(name),
  )
  const grants = repositories.map(
    ({ name, actions }): Grant => ({ pattern: name, actions: actions.flatMap(knownAction) }),
  )
  const mayList = access.some(
    ({ type, name, actions }) => type === 'registry' && name === 'catalog' && actions.includes('*'),
  )
  const asked = ask.flatMap(knownAction)
  return {
    scheme: 'bearer',
    subject,
    rights: current === null || asked.length === 0 ? new Rights(grants) : current.only(asked),
    mayList,
    visible: current === null ? visible : mayList ? current.pullable : [],
    identity: null,
  }
}

/** docker/distribution up to 2.6 requested deletes as `*`. It means every action that a token can carry. */
function knownAction(name: string): Action[] {
  if (name === '*') return ['pull', 'push', 'delete']
  return ACTIONS.filter((action) => action === name && action !== 'admin')
}
