/** Grants, as a decision about a request reads them. The administration API changes them in manage-grants.ts. */
import type { RepositoryPattern } from '../../lib/repository-pattern.ts'

/** `create` may add tags but not move them. `push` includes `create`. `admin` includes all actions. */
export const ACTIONS = ['pull', 'create', 'push', 'delete', 'admin'] as const
export type Action = (typeof ACTIONS)[number]

export type PrincipalKind = 'account' | 'token' | 'trust' | 'authenticated' | 'anonymous'

export interface Principal {
  kind: PrincipalKind
  /** The name of the account or trust rule, or the id of the token; '' for `authenticated` and `anonymous`. */
  name: string
}

export interface Grant {
  pattern: RepositoryPattern
  actions: readonly Action[]
}
