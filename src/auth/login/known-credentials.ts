/**
 * Credentials that this isolate has verified recently, so that the slow hash is not computed for each request. The verifier is part
 * of the key: after a change of password the old entry no longer matches. Entries are HMACs under a random key of this isolate, so
 * memory reveals neither.
 */

const CAPACITY = 1000

export class KnownCredentials {
  readonly #capacity: number
  /** The least recently used first. */
  readonly #entries = new Set<string>()
  /** Created on the first request: the runtime has no random numbers before. */
  #secret: Uint8Array<ArrayBuffer> | undefined

  constructor(capacity: number = CAPACITY) {
    this.#capacity = capacity
  }

  /** The entry of a password that was checked against `verifier`, which has no NUL. */
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
