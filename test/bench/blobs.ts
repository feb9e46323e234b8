/** The content that rows push and pull: fresh random bytes, so that no registry has seen a blob before. */
import { randomBytes, randomFillSync } from 'node:crypto'
import { slices } from './http.ts'
import { type Descriptor, LAYER_TYPE, type RegistryClient, sha256 } from './registry-client.ts'

export const LARGE = 64 * 1024 * 1024
export const SMALL = 4 * 1024

export interface Blob extends Descriptor {
  bytes: Buffer
}

const large = Buffer.alloc(LARGE)

/** All in one buffer: subjects take turns, so no operation still reads the bytes before. */
export function largeBlob(): Blob {
  return describe(randomFillSync(large))
}

export function smallBlob(): Blob {
  return describe(randomBytes(SMALL))
}

function describe(bytes: Buffer): Blob {
  return { mediaType: LAYER_TYPE, digest: sha256(bytes), size: bytes.length, bytes }
}

export async function pushedBlob(registry: RegistryClient, blob: Blob): Promise<Descriptor> {
  const { mediaType, digest, size, bytes } = blob
  await registry.pushSingle(digest, slices(bytes), size)
  return { mediaType, digest, size }
}
