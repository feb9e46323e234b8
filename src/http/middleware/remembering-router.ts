/**
 * Hono's trie, which is walked once for each fixed path and method: the routes of all but the administration API are names of path.ts,
 * with nothing of the client in them.
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
