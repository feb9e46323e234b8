/**
 * Hono's trie router with a cache for each fixed path and method. Outside the administration API, routes are names from path.ts and contain
 * no text of the client, so the cache stays small.
 */
import { TrieRouter } from 'hono/router/trie-router'
import { isApiPath } from './path.ts'

export class RememberingRouter<T> extends TrieRouter<T> {
  readonly #found = new Map<string, ReturnType<TrieRouter<T>['match']>>()

  override match(method: string, path: string) {
    if (isApiPath(path)) return super.match(method, path)
    const key = `${method} ${path}`
    const known = this.#found.get(key)
    if (known !== undefined) return known
    const found = super.match(method, path)
    this.#found.set(key, found)
    return found
  }
}
