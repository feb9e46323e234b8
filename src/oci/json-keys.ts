/** The keys of the objects that are open while JSON is scanned: in typed arrays, so that a quarter of a million take 5 MB and no garbage. */

const FIRST_ROOM = 256

/** Whether the same key stands at both places. */
type IsSame = (one: number, other: number) => boolean

export class OpenKeys {
  count = 0
  /** Open addressing: of each slot the number of its key, from 1; 0 where it is empty. Twice as many slots as there is room for keys. */
  #slots = new Int32Array(2 * FIRST_ROOM)
  #hashes = new Int32Array(FIRST_ROOM)
  #depths = new Int8Array(FIRST_ROOM)
  #starts = new Int32Array(FIRST_ROOM)

  /**
   * Adds the key that stands at `start`, in the object open at `depth`.
   * @param isSame asked only where the hashes are the same
   * @returns false where that object has the key
   */
  add(depth: number, hash: number, start: number, isSame: IsSame): boolean {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (;;) {
      const index = (this.#slots[slot] ?? 0) - 1
      if (index < 0) break
      const isAlike = this.#hashes[index] === hash && this.#depths[index] === depth
      if (isAlike && isSame(this.#starts[index] ?? 0, start)) return false
      slot = (slot + 1) & mask
    }
    this.#hashes[this.count] = hash
    this.#depths[this.count] = depth
    this.#starts[this.count] = start
    this.count += 1
    this.#slots[slot] = this.count
    if (this.count === this.#hashes.length) this.#grow()
    return true
  }

  /** Lets go of all keys but the first `count`. Those that came last go first, so that no key is lost behind an empty slot. */
  cutTo(count: number): void {
    while (this.count > count) {
      this.#slots[this.#slotOf(this.count)] = 0
      this.count -= 1
    }
  }

  #slotOf(number: number): number {
    const mask = this.#slots.length - 1
    let slot = (this.#hashes[number - 1] ?? 0) & mask
    while (this.#slots[slot] !== number) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const room = 2 * this.count
    const hashes = new Int32Array(room)
    const depths = new Int8Array(room)
    const starts = new Int32Array(room)
    hashes.set(this.#hashes)
    depths.set(this.#depths)
    starts.set(this.#starts)
    this.#hashes = hashes
    this.#depths = depths
    this.#starts = starts
    this.#slots = new Int32Array(2 * room)
    const mask = this.#slots.length - 1
    for (let number = 1; number <= this.count; number += 1) {
      let slot = (hashes[number - 1] ?? 0) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = number
    }
  }
}

/** Of each byte; secret, so that nobody can write keys that all have one hash. Made at the first use: the runtime has no random numbers before. */
let ofByte: Int32Array | undefined

export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  ofByte ??= crypto.getRandomValues(new Int32Array(256))
  let hash = end - start
  for (let at = start; at < end; at += 1) {
    hash = Math.imul(hash ^ (ofByte[bytes[at] ?? 0] ?? 0), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash
}

/** The hash of the text's UTF-8. */
export function hashOfText(text: string): number {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit >= 0x80) return hashOfBytes(new TextEncoder().encode(text))
    bytes[at] = unit
  }
  return hashOfBytes(bytes)
}

function hashOfBytes(bytes: Uint8Array): number {
  return hashOf(bytes, 0, bytes.length)
}
