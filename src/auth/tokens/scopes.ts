/**
 * Scopes as clients request them (docker/distribution, "Docker Registry Token Scope and Access"): `repository:team/app:pull,push`.
 */

export interface Scope {
  /** `repository` or `registry`; other types grant nothing. */
  type: string
  name: string
  /** At least one, none of them twice. */
  actions: readonly string[]
}

/** A client requests a repository and the sources of its mounts. Further scopes are ignored. */
const SCOPE_LIMIT = 100

// The class in parentheses ("repository(plugin)") is deprecated. It never had an effect.
const SCOPE = /^([a-z0-9]+)(?:\([a-z0-9]+\))?:(.+):([^:]+)$/

/**
 * Parses the values of all `scope` parameters; each may hold several, separated by spaces. Scopes with the same name are merged.
 * Invalid scopes are ignored, because a token with fewer rights is never an error.
 */
export function parseScopes(values: readonly string[]): Scope[] {
  const texts = values.flatMap((value) => value.split(' ')).filter((text) => text !== '')
  const scopes = new Map<string, Scope>()
  for (const scope of texts.slice(0, SCOPE_LIMIT).flatMap(parseScope)) {
    const key = `${scope.type}:${scope.name}`
    const actions = [...(scopes.get(key)?.actions ?? []), ...scope.actions]
    scopes.set(key, { ...scope, actions: [...new Set(actions)] })
  }
  return [...scopes.values()]
}

export function formatScope({ type, name, actions }: Scope): string {
  return `${type}:${name}:${actions.join(',')}`
}

/** A name may contain colons, as in `localhost:5000/app`: the last colon ends it. */
function parseScope(text: string): Scope[] {
  const [, type, name, list] = SCOPE.exec(text) ?? []
  if (type === undefined || name === undefined || list === undefined) return []
  const actions = list.split(',').filter((action) => /^(?:[a-z]+|\*)$/.test(action))
  return actions.length === 0 ? [] : [{ type, name, actions }]
}
