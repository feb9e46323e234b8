/** A blob of any size that is never held in memory: one random block, again and again. */
import { createHash, randomBytes } from 'node:crypto'
import { slices } from './http.ts'

const BLOCK = 1024 * 1024

export class GeneratedBlob {
  readonly size: number
  readonly #block = randomBytes(BLOCK)

  constructor(size: number) {
    this.size = size
  }

  *bytes(): Generator<Buffer> {
    for (let left = this.size; left > 0; left -= BLOCK) {
      yield* slices(this.#block.subarray(0, Math.min(left, BLOCK)))
    }
  }

  /** Runs through the whole of it: about 0.6 s a GiB. */
  digest(): string {
    const hash = createHash('sha256')
    for (const piece of this.bytes()) hash.update(piece)
    return `sha256:${hash.digest('hex')}`
  }
}
