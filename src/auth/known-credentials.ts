/**
 * Credentials that this isolate has found right before, so that the slow hash is computed once and not with each request. What
 * they were checked against is part of the key: a changed password is unknown again. Neither can be read from the memory: the
 * entries are HMACs under a key that is random and stays here.
 */

const CAPACITY = 1000

export class KnownCredentials {
  readonly #capacity: number
  /** The least recently used first. */
  readonly #entries = new Set<string>()
  /** Made with the first request: the runtime has no random numbers before. */
  #secret: Uint8Array<ArrayBuffer> | undefined

  constructor(capacity: number = CAPACITY) {
    this.#capacity = capacity
  }

  /** What stands for a password that was checked against `verifier`, which has no NUL. */
  async entryOf(verifier: string, password: string): Promise<string> {
    this.#secret ??= crypto.getRandomValues(new Uint8Array(32))
    const algorithm = { name: 'HMAC', hash: 'SHA-256' }
    const key = await crypto.subtle.importKey('raw', this.#secret, algorithm, false, ['sign'])
    const text = new TextEncoder().encode(`${verifier}\0${password}`)
    return new Uint8Array(await crypto.subtle.sign('HMAC', key, text)).toHex()
  }

  has(entry: string): boolean {
    const known = this.#entries.delete(entry)
    if (known) this.#entries.add(entry)
    return known
  }

  add(entry: string): void {
    this.#entries.add(entry)
    if (this.#entries.size <= this.#capacity) return
    const [oldest] = this.#entries
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
