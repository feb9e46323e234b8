/** The database that is nearest: a session of D1, whose answers count and say whether the primary gave them. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { Usage } from '../../../src/lib/usage.ts'
import { nearestDatabase } from '../../../src/store/database/nearest.ts'
import { answering } from '../../support/replica.ts'

describe('the nearest database', () => {
  it('answers what D1 has, and counts the queries', async () => {
    const usage = new Usage()
    const { db, isCurrent } = nearestDatabase(env.DB, usage)
    expect(await db.prepare('SELECT ?1 AS x').bind(7).first()).toEqual({ x: 7 })
    expect(await db.prepare('SELECT 1 WHERE 0').first()).toBeNull()
    expect((await db.prepare('SELECT 2 AS x').all()).results).toEqual([{ x: 2 }])
    await db.prepare('SELECT 3').run()
    const [batched] = await db.batch([db.prepare('SELECT 4 AS x')])
    expect(batched?.results).toEqual([{ x: 4 }])
    expect(usage.of('d1').count).toBe(5)
    // The local D1 has no replicas, and its answers say so.
    expect(isCurrent()).toBe(true)
  })

  it('begins its session anywhere', () => {
    const constraints: unknown[] = []
    const withSession: D1Database['withSession'] = (constraint) => {
      constraints.push(constraint)
      return env.DB.withSession(constraint)
    }
    nearestDatabase({ withSession }, new Usage())
    expect(constraints).toEqual(['first-unconstrained'])
  })

  it.each<[string, (boolean | undefined)[], boolean]>([
    ['all of the primary', [true, true], true],
    ['the first of a replica', [false, true], false],
    ['the last of a replica', [true, false], false],
    ['one of nobody knows whom', [true, undefined], false],
  ])('is current if its answers are %s: %j', async (_, origins, expected) => {
    for (const ask of ['first', 'all', 'run', 'batch'] as const) {
      const left = [...origins]
      const withSession = () => answering(env.DB, () => left.shift())
      const { db, isCurrent } = nearestDatabase({ withSession }, new Usage())
      while (left.length > 0) {
        const statement = db.prepare('SELECT 1')
        await (ask === 'batch' ? db.batch([statement]) : statement[ask]())
      }
      expect([ask, isCurrent()]).toEqual([ask, expected])
    }
  })
})
