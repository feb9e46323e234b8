/** From the scopes that a client asks for to what a token allows: less, where it has less, and never an error. */
import type { RepositoryPattern } from '../lib/repository-pattern.ts'
import { isRepositoryName } from '../oci/name.ts'
import type { Action } from '../store/grants.ts'
import type { Rights } from './rights.ts'
import type { Scope } from './scopes.ts'

export interface GrantedScopes {
  access: readonly Scope[]
  /** What lists of repositories show; only where lists were asked for. */
  visible?: readonly RepositoryPattern[]
}

/** What `rights` has of the scopes. Everybody may ask for lists: they show what the caller may pull. */
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

/** Clients know no create-only push: one who asks for `push` and has just that gets that. `*` asks for all. */
function grantActions(held: ReadonlySet<Action>, asked: ReadonlySet<string>): Action[] {
  const push = held.has('push') ? 'push' : 'create'
  const wanted = (['pull', push, 'delete'] as const).filter((action) => {
    const isPush = action === push && asked.has('push')
    return isPush || asked.has(action) || asked.has('*')
  })
  return wanted.filter((action) => held.has(action))
}
