/**
 * The running hash of an upload's parts: a native digest stream that stays open over the session's requests, so that the digest is
 * ready after the last byte. It lives in memory only. If `parts` differs from the number of committed parts (after an eviction),
 * the finished object is read back instead.
 */
import { type Algorithm, type Digest, formatDigest, webCryptoName } from '../../oci/digest.ts'

type Pieces = Iterable<Uint8Array<ArrayBuffer>>

export class PartHash {
  readonly algorithm: Algorithm
  readonly #stream: DigestStream
  readonly #writer: WritableStreamDefaultWriter<ArrayBuffer | ArrayBufferView>
  #parts = 0

  constructor(algorithm: Algorithm) {
    this.algorithm = algorithm
    this.#stream = new crypto.DigestStream(webCryptoName(algorithm))
    this.#writer = this.#stream.getWriter()
  }

  /** How many parts were hashed. */
  get parts(): number {
    return this.#parts
  }

  async addPart(pieces: Pieces): Promise<void> {
    await this.#add(pieces)
    this.#parts += 1
  }

  /** Hashes the last bytes and returns the digest. The hash cannot be used again. */
  async finish(tail: Pieces): Promise<Digest> {
    await this.#add(tail)
    await this.#writer.close()
    return formatDigest(this.algorithm, await this.#stream.digest)
  }

  async #add(pieces: Pieces): Promise<void> {
    for (const piece of pieces) await this.#writer.write(piece)
  }
}

/** Reads a stream to its end and returns the digest. */
export async function digestOfStream(
  stream: ReadableStream<Uint8Array>,
  algorithm: Algorithm,
): Promise<Digest> {
  const digestStream = new crypto.DigestStream(webCryptoName(algorithm))
  const { digest } = digestStream
  // If the stream fails, pipeTo says so.
  digest.catch(() => undefined)
  await stream.pipeTo(digestStream)
  return formatDigest(algorithm, await digest)
}
