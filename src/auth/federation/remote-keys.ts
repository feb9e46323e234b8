/**
 * A set of public keys that another party publishes (RFC 7517, 5) and changes. The isolate caches it, and fetches it again when it
 * is old or lacks a key.
 */
import { type CryptoKey, createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose'
import * as v from 'valibot'
import { logError } from '../../lib/log.ts'

/** The keys are fetched again after this time, so that a withdrawn key is not accepted for much longer. */
const FRESH_MS = 10 * 60_000

/** The total time that keys are used while they cannot be fetched again. */
const USABLE_MS = 60 * 60_000

/** The minimum time between two fetches for unknown keys: strangers can invent any number of key ids. */
const SEARCH_MS = 30_000

/** The minimum time after a failed fetch. */
const RETRY_MS = 5000

/** Longer than a fetch can take. A request may end before its fetch does; then another one takes over. */
const LEASE_MS = 12_000

const Key = v.looseObject({ kty: v.string() })

/** Invalid entries do not invalidate the other keys (RFC 7517, 5). */
const KeySet = v.object({
  keys: v.pipe(
    v.array(v.unknown()),
    v.transform((keys) => keys.filter((key) => v.is(Key, key))),
  ),
})

export class RemoteKeys {
  readonly #load: () => Promise<unknown>
  #find: ReturnType<typeof createLocalJWKSet> | null = null
  #loadedAt = Number.NEGATIVE_INFINITY
  #nextSearch = Number.NEGATIVE_INFINITY
  #nextAttempt = Number.NEGATIVE_INFINITY
  #fetchingUntil = Number.NEGATIVE_INFINITY

  /** `load` fetches the set. */
  constructor(load: () => Promise<unknown>) {
    this.#load = load
  }

  /** The only key that fits `kid` and `alg`. @throws where none or more than one fits */
  async keyOf(header: JWTHeaderParameters): Promise<CryptoKey> {
    const isOld = this.#age > FRESH_MS
    if (isOld) await this.#fetchWhere(() => this.#age > FRESH_MS)
    const known = await this.#known(header)
    if (known !== null) return known
    const found = isOld ? null : await this.#search(header)
    if (found !== null) return found
    const isKnown = this.#find !== null
    throw new Error(
      isKnown ? 'signed with a key that is not published' : 'the public keys are not available',
    )
  }

  /** The issuer may have a new key, which must be accepted from its first use. */
  async #search(header: JWTHeaderParameters): Promise<CryptoKey | null> {
    await this.#fetchWhere(() => {
      if (Date.now() < this.#nextSearch) return false
      this.#nextSearch = Date.now() + SEARCH_MS
      return true
    })
    return this.#known(header)
  }

  get #age(): number {
    return Date.now() - this.#loadedAt
  }

  async #known(header: JWTHeaderParameters): Promise<CryptoKey | null> {
    if (this.#find === null || this.#age > USABLE_MS) return null
    try {
      return await this.#find(header)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return null
      throw error
    }
  }

  /** Fetches the keys if due, after a running fetch of another request. */
  async #fetchWhere(isDue: () => boolean): Promise<void> {
    // The promise cannot be shared: the runtime cancels the work of a request when the request ends.
    while (Date.now() < this.#fetchingUntil) await scheduler.wait(20)
    if (Date.now() < this.#nextAttempt || !isDue()) return
    this.#fetchingUntil = Date.now() + LEASE_MS
    try {
      this.#find = createLocalJWKSet(v.parse(KeySet, await this.#load()))
      this.#loadedAt = Date.now()
    } catch (error) {
      this.#nextAttempt = Date.now() + RETRY_MS
      logError({ message: 'public keys could not be fetched' }, error)
    } finally {
      this.#fetchingUntil = Number.NEGATIVE_INFINITY
    }
  }
}
