/**
 * A set of public keys that somebody else publishes (RFC 7517, 5) and changes: kept in the isolate, and fetched again when it
 * has grown old or lacks a key.
 */
import { type CryptoKey, createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose'
import * as v from 'valibot'
import { logError } from '../lib/log.ts'

/** After this the keys are fetched again, so that a withdrawn one is not accepted for much longer. */
const FRESH_MS = 10 * 60_000

/** So long, in all, they are used while they cannot be fetched again. */
const USABLE_MS = 60 * 60_000

/** Between two fetches for the sake of an unknown key, whatever key ids strangers make up. */
const SEARCH_MS = 30_000

/** After a fetch that failed. */
const RETRY_MS = 5000

/** Longer than a fetch can take: whoever leads one may be gone before it ends, and another request then takes over. */
const LEASE_MS = 12_000

const Key = v.looseObject({ kty: v.string() })

/** What is no key does not make the others useless (RFC 7517, 5). */
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

  /** The one key that fits `kid` and `alg`. @throws where there is none, or more than one */
  async keyOf(header: JWTHeaderParameters): Promise<CryptoKey> {
    const isOld = this.#age > FRESH_MS
    if (isOld) await this.#fetchWhere(() => this.#age > FRESH_MS)
    const known = await this.#known(header)
    if (known !== null) return known
    const found = isOld ? null : await this.#search(header)
    if (found !== null) return found
    const isKnown = this.#find !== null
    throw new Error(
      isKnown ? 'signed with a key that is not published' : 'its keys are not at hand',
    )
  }

  /** Its issuer may have a new key: there must be no wait between its first use and its first success. */
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

  /** Fetches the keys where that is due, after a fetch by another request, if there is one. */
  async #fetchWhere(isDue: () => boolean): Promise<void> {
    // Its promise cannot be shared: the runtime ends what a request began when that request is over.
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
