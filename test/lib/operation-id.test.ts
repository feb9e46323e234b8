import { describe, expect, it } from 'vitest'
import { operationId } from '../../src/lib/operation-id.ts'

describe('operationId', () => {
  it('is a UUID of version 8', async () => {
    for (const part of ['', 'a', 'é', 'x'.repeat(1000)]) {
      expect(await operationId(part)).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      )
    }
  })

  it('is the same for the same parts, and another for any others', async () => {
    const parts = [[], [''], ['', ''], ['ab'], ['a', 'b'], ['b', 'a'], ['1:a', 'b'], ['1', ':a1:b']]
    const ids = await Promise.all(parts.map((each) => operationId(...each)))
    expect(new Set(ids).size).toBe(parts.length)
    expect(await Promise.all(parts.map((each) => operationId(...each)))).toEqual(ids)
  })
})
