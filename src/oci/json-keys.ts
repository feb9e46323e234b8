/** The keys of the objects that are open during a scan. Typed arrays hold 250,000 keys in 5 MB and create no garbage. */

const FIRST_ROOM = 256

/** Whether the keys at these two positions are equal. */
type IsSame = (one: number, other: number) => boolean

export class OpenKeys {
  count = 0
  /**
   * A hash table with open addressing: each slot holds the number of its key, from 1; 0 if it is empty. There are twice as many slots as
   * keys that fit.
   */
  #slots = new Int32Array(2 * FIRST_ROOM)
  #hashes = new Int32Array(FIRST_ROOM)
  #depths = new Int8Array(FIRST_ROOM)
  #starts = new Int32Array(FIRST_ROOM)

  /**
   * Adds the key that begins at `start`, to the object that is open at `depth`.
   * @param isSame called only for keys with equal hashes
   * @returns false if that object already has the key
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

  /**
   * Removes all keys except the first `count`, the newest first. A search stops at an empty slot, and the slots of older keys never
   * depend on those of newer ones.
   */
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

/**
 * A random number for each byte value. It is secret, so that nobody can write keys with equal hashes. It is created at first use, because
 * the runtime provides no random numbers before the first request.
 */
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

/** The hash of the text's UTF-8 bytes. */
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
