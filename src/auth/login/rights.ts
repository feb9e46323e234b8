/** The rights of a caller: the sum of its grants. A token's own grants limit those of its owner. */
import {
  intersectPatterns,
  matchesPattern,
  type RepositoryPattern,
} from '../../lib/repository-pattern.ts'
import type { Action, Grant } from '../../store/access/grants.ts'

const NOTHING: ReadonlySet<Action> = new Set()

/** The actions that each action includes. */
const INCLUDED: Record<Action, readonly Action[]> = {
  pull: ['pull'],
  create: ['create'],
  push: ['push', 'create'],
  delete: ['delete'],
  admin: ['admin', 'pull', 'push', 'create', 'delete'],
}

export class Rights {
  readonly #grants: readonly Grant[]
  readonly #limit: readonly Grant[] | null
  readonly #actions: ReadonlySet<Action> | null

  /** `limit` and `actions`, where not null, restrict the grants to what they contain. */
  constructor(
    grants: readonly Grant[],
    limit: readonly Grant[] | null = null,
    actions: ReadonlySet<Action> | null = null,
  ) {
    this.#grants = grants
    this.#limit = limit
    this.#actions = actions
  }

  /** The same rights, limited to these actions and what they include; no administration. */
  only(actions: readonly Action[]): Rights {
    const included = new Set(actions.flatMap((action) => INCLUDED[action]))
    return new Rights(this.#grants, this.#limit, included)
  }

  /** The actions on a repository, whether or not it exists. */
  on(repository: string): ReadonlySet<Action> {
    const all = actionsOn(this.#grants, repository)
    const granted = this.#actions === null ? all : all.intersection(this.#actions)
    if (this.#limit === null || granted.size === 0) return granted
    return granted.intersection(actionsOn(this.#limit, repository))
  }

  /** Whether it may administer the registry: accounts, tokens, grants, trust rules. */
  get isAdministrator(): boolean {
    if (this.#actions !== null) return false
    return [this.#grants, this.#limit ?? EVERYTHING].every((grants) =>
      grants.some(({ pattern, actions }) => pattern === '**' && actions.includes('admin')),
    )
  }

  /** The repositories that it may pull from: for lists of names. */
  get pullable(): readonly RepositoryPattern[] {
    if (this.#actions !== null && !this.#actions.has('pull')) return []
    const granted = pullPatterns(this.#grants)
    if (this.#limit === null) return granted
    const limit = pullPatterns(this.#limit)
    const both = granted.flatMap((one) => limit.map((other) => intersectPatterns(one, other)))
    return [...new Set(both.filter((pattern) => pattern !== null))]
  }
}

export const EVERYTHING: readonly Grant[] = [{ pattern: '**', actions: ['admin'] }]

function actionsOn(grants: readonly Grant[], repository: string): ReadonlySet<Action> {
  const matching = grants.filter(({ pattern }) => matchesPattern(pattern, repository))
  if (matching.length === 0) return NOTHING
  return new Set(matching.flatMap(({ actions }) => actions.flatMap((action) => INCLUDED[action])))
}

function pullPatterns(grants: readonly Grant[]): RepositoryPattern[] {
  const pulling = grants.filter(({ actions }) =>
    actions.some((action) => INCLUDED[action].includes('pull')),
  )
  return [...new Set(pulling.map(({ pattern }) => pattern))]
}
