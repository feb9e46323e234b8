/** How long a refused chunk keeps the object of its upload. */
import { evictDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import type { SessionRequest } from '../../src/uploads/chunk.ts'
import { randomBytes } from '../support/registry.ts'
import { chunkOf, heldBody, newSession } from './support.ts'

const SOURCE = randomBytes(2 * PART_BYTES + 1000)

describe('a refused chunk', () => {
  it.each([
    ['out of order', 9, 'range invalid'],
    ['after the end', null, 'unknown'],
  ] as const)('%s and large: its body holds neither client nor object', async (_, start, kind) => {
    const session = newSession()
    const storageKey = `test/blobs/2026-01-01/${crypto.randomUUID()}`
    const request: SessionRequest = { kind: 'fresh', algorithm: 'sha256', storageKey }
    await session.append(request, chunkOf(SOURCE.subarray(0, 10), { start: null }))
    if (kind === 'unknown') await session.cancel(request)
    const { body, client } = heldBody()
    const answer = session.append(request, { body, start, length: null })
    await expect(client.write(SOURCE)).rejects.toThrow()
    expect((await answer).kind).toBe(kind)
    const began = Date.now()
    await evictDurableObject(session)
    expect(Date.now() - began).toBeLessThan(500)
  })
})
