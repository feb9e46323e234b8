/** The registry's id: made with the database, and remembered for some minutes, so that pushes do not ask for it. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { signingKey } from '../../../src/store/access/signing-keys.ts'
import { registryId, takeNewId } from '../../../src/store/registry/registry.ts'
import { countBindings, counted } from '../../support/counting.ts'
import { db } from '../support.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** The database as an isolate knows it that has just begun. */
function fresh(): D1Database {
  return countBindings(env).DB
}

describe('registryId', () => {
  it('is random, and read once', async () => {
    const isolate = fresh()
    const id = await registryId(isolate)
    expect(id).toMatch(/^[0-9a-f]{16}$/)
    const { d1 } = await counted(async () => {
      expect(await registryId(isolate)).toBe(id)
    })
    expect(d1).toBe(0)
    expect(await registryId(fresh())).toBe(id)
  })

  it('comes with the key that signs upload ids', async () => {
    const isolate = fresh()
    await signingKey(isolate, 'uploads')
    expect((await counted(() => registryId(isolate))).d1).toBe(0)
  })

  it('that is new is noticed within five minutes', async () => {
    const isolate = fresh()
    const old = await registryId(isolate)
    await takeNewId(db, old, Date.now())
    expect(await registryId(isolate)).toBe(old)
    const later = Date.now() + 5 * 60_000
    vi.spyOn(Date, 'now').mockReturnValue(later)
    expect(await registryId(isolate)).not.toBe(old)
  })
})
