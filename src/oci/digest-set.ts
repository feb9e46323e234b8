/**
 * A set of digests that finds its members by their first hex digits, and computes the shortest such codes, so that a person can
 * type `12345` for an image. Like go-digest's digestset. Short codes are unique within the set only.
 */
import { algorithmOf, type Digest, hexOf, isAlgorithm, parseDigest } from './digest.ts'
import { RegistryError } from './errors.ts'

export class DigestSet {
  /** Sorted by hex digits, then algorithm, so that members with a common prefix are adjacent. */
  readonly #entries: Digest[] = []

  get size(): number {
    return this.#entries.length
  }

  /**
   * Adds a digest. Does nothing if it is already a member.
   * @throws {RegistryError} DIGEST_INVALID
   */
  add(input: string): void {
    const digest = parseDigest(input)
    const index = this.#lowerBound(hexOf(digest), digest)
    if (this.#entries[index] !== digest) this.#entries.splice(index, 0, digest)
  }

  /**
   * Removes a digest. Does nothing if it is not a member.
   * @throws {RegistryError} DIGEST_INVALID
   */
  remove(input: string): void {
    const digest = parseDigest(input)
    const index = this.#lowerBound(hexOf(digest), digest)
    if (this.#entries[index] === digest) this.#entries.splice(index, 1)
  }

  /**
   * Finds the only member that begins with `short`: hex digits, or an algorithm, a colon and hex digits.
   * @throws {RegistryError} BLOB_UNKNOWN if there is none, DIGEST_INVALID if there are several
   */
  lookup(short: string): Digest {
    const colon = short.indexOf(':')
    const algorithm = colon === -1 ? undefined : short.slice(0, colon)
    const prefix = short.slice(colon + 1)
    let found: Digest | undefined
    const isSearchable = prefix !== '' && (algorithm === undefined || isAlgorithm(algorithm))
    for (const digest of isSearchable ? this.#from(prefix) : []) {
      if (!hexOf(digest).startsWith(prefix)) break
      if (algorithm !== undefined && algorithmOf(digest) !== algorithm) continue
      if (found !== undefined) throw ambiguous(short)
      found = digest
    }
    if (found === undefined) throw notFound(short)
    return found
  }

  /** All members, sorted by hex digits. */
  all(): Digest[] {
    return [...this.#entries]
  }

  /**
   * For every member the shortest code, of at least `length` hex digits, that `lookup` accepts. If all hex digits are needed, the
   * code is the digest itself.
   */
  shortCodes(length: number): Map<Digest, string> {
    const codes = new Map<Digest, string>()
    const hexes = this.#entries.map(hexOf)
    this.#entries.forEach((digest, index) => {
      const hex = hexOf(digest)
      const shared = Math.max(
        commonPrefixLength(hex, hexes[index - 1] ?? ''),
        commonPrefixLength(hex, hexes[index + 1] ?? ''),
      )
      const needed = Math.max(length, shared + 1)
      codes.set(digest, needed < hex.length ? hex.slice(0, needed) : digest)
    })
    return codes
  }

  *#from(prefix: string): Generator<Digest> {
    for (let index = this.#lowerBound(prefix, ''); index < this.#entries.length; index += 1) {
      const digest = this.#entries[index]
      if (digest !== undefined) yield digest
    }
  }

  /** The index of the first member that is not before these hex digits of this digest. */
  #lowerBound(hex: string, digest: string): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.#entries[middle]
      if (entry !== undefined && isBefore(entry, hex, digest)) low = middle + 1
      else high = middle
    }
    return low
  }
}

function isBefore(entry: Digest, hex: string, digest: string): boolean {
  const entryHex = hexOf(entry)
  return entryHex === hex ? entry < digest : entryHex < hex
}

function commonPrefixLength(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  let length = 0
  while (length < end && a[length] === b[length]) length += 1
  return length
}

function notFound(short: string): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', {
    message: 'digest not found',
    detail: { digest: short.slice(0, 256) },
  })
}

function ambiguous(short: string): RegistryError {
  return new RegistryError('DIGEST_INVALID', {
    message: 'ambiguous digest: more hex digits are needed',
    detail: { digest: short.slice(0, 256) },
  })
}
