/** Grants as they are read to decide a request; the administration API changes them (manage-grants.ts). */
import type { RepositoryPattern } from '../../lib/repository-pattern.ts'

/** `push` includes `create`, which may add tags but move none; `admin` includes all. */
export const ACTIONS = ['pull', 'create', 'push', 'delete', 'admin'] as const
export type Action = (typeof ACTIONS)[number]

export type PrincipalKind = 'account' | 'token' | 'trust' | 'authenticated' | 'anonymous'

export interface Principal {
  kind: PrincipalKind
  /** An account's name, a token's id, a trust rule's name; '' for the two kinds that have no name. */
  name: string
}

export interface Grant {
  pattern: RepositoryPattern
  actions: readonly Action[]
}
