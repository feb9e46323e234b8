/**
 * From the scopes that a client requests to the access that its token grants. Missing rights are left out; they are never an error.
 */
import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import { isRepositoryName } from '../../oci/name.ts'
import type { Action } from '../../store/access/grants.ts'
import type { Rights } from '../login/rights.ts'
import type { Scope } from './scopes.ts'

export interface GrantedScopes {
  access: readonly Scope[]
  /** Which repositories lists show; only where a list was requested. */
  visible?: readonly RepositoryPattern[]
}

/** The part of the scopes that `rights` covers. Every caller may request lists: they show what it may pull. */
export function grantScopes(rights: Rights, scopes: readonly Scope[]): GrantedScopes {
  const access = scopes.flatMap((scope) => grantScope(rights, scope))
  const mayList = access.some(({ type }) => type === 'registry')
  return mayList ? { access, visible: rights.pullable } : { access }
}

function grantScope(rights: Rights, { type, name, actions }: Scope): Scope[] {
  const asked = new Set(actions)
  if (type === 'registry') {
    return name === 'catalog' && asked.has('*') ? [{ type, name, actions: ['*'] }] : []
  }
  if (type !== 'repository' || !isRepositoryName(name)) return []
  const granted = grantActions(rights.on(name), asked)
  return granted.length === 0 ? [] : [{ type, name, actions: granted }]
}

/**
 * Clients do not know `create` (push of new tags only): a caller that requests `push` and has only `create` gets `create`. `*`
 * requests everything.
 */
function grantActions(held: ReadonlySet<Action>, asked: ReadonlySet<string>): Action[] {
  const push = held.has('push') ? 'push' : 'create'
  const wanted = (['pull', push, 'delete'] as const).filter((action) => {
    const isPush = action === push && asked.has('push')
    return isPush || asked.has(action) || asked.has('*')
  })
  return wanted.filter((action) => held.has(action))
}
