import { createScheduledController } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { currentKey, rotateTokenKeys } from '../../src/auth/tokens/token-keys.ts'
import { runJobs } from '../../src/maintenance/run-jobs.ts'
import { readRegistryState } from '../../src/store/database/registry-state.ts'
import { db } from '../store/support.ts'
import { counted } from '../support/counting.ts'
import { bindings } from '../support/registry.ts'
import worker from '../support/worker.ts'
import { DAY_MS, dayOf, newRegistry, TODAY } from './support.ts'

let errors: string[]
let lines: string[]

beforeEach(() => {
  errors = []
  lines = []
  vi.spyOn(console, 'error').mockImplementation((line: unknown) => void errors.push(String(line)))
  vi.spyOn(console, 'log').mockImplementation((line: unknown) => void lines.push(String(line)))
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe('runJobs', () => {
  it('runs all jobs in order, logs what they did and what failed, and fails at the end', async () => {
    const ran: string[] = []
    const job = (name: string, result: object | null | Error) => async () => {
      ran.push(name)
      if (result instanceof Error) throw result
      return result
    }
    const running = runJobs({
      first: job('first', new Error('D1 is away')),
      second: job('second', { removed: 3 }),
      third: job('third', new Error('R2 is away')),
      fourth: job('fourth', null),
    })
    await expect(running).rejects.toThrow('some jobs failed')
    expect(ran).toEqual(['first', 'second', 'third', 'fourth'])
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { message: 'job done', job: 'second', removed: 3 },
    ])
    expect(errors.map((line) => JSON.parse(line))).toMatchObject([
      { message: 'job failed', job: 'first', error: expect.stringContaining('D1 is away') },
      { message: 'job failed', job: 'third', error: expect.stringContaining('R2 is away') },
    ])
  })
})

describe('the hourly trigger', () => {
  const trigger = (environment = bindings) =>
    worker.scheduled(
      createScheduledController({ cron: '17 * * * *', scheduledTime: new Date() }),
      environment,
    )

  it('runs both sweeps and the rotation of keys, even if the bucket is unavailable', async () => {
    await trigger()
    const state = await readRegistryState(db)
    expect(state.collectedAt).not.toBeNull()
    expect(state.orphansSweptAt).not.toBeNull()
    const away = () => Promise.reject(new Error('R2 is away'))
    const BUCKET = new Proxy(bindings.BUCKET, { get: () => away })
    const DB = bindings.DB
    await currentKey(DB)
    await db.prepare('UPDATE token_keys SET created_at = 0').run()
    await expect(trigger({ ...bindings, BUCKET })).rejects.toThrow('some jobs failed')
    const keys = await db.prepare('SELECT count(*) AS n FROM token_keys').first<{ n: number }>()
    expect(keys?.n).toBe(2)
  })

  it('makes fewer than 50 calls, however much there is to do: the Free plan allows no more', async () => {
    await db
      .prepare(
        `WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 7000)
         INSERT INTO tombstones (storage_key, delete_after) SELECT 'many/' || n, 0 FROM counter`,
      )
      .run()
    await rotateTokenKeys(db, Date.now(), 'now')
    await db.prepare('UPDATE token_keys SET created_at = created_at - 40 * ?1').bind(DAY_MS).run()
    const id = await newRegistry(db, TODAY - 40 * DAY_MS)
    const first = dayOf(TODAY - 40 * DAY_MS)
    const objects = Array.from({ length: 1000 }, (_, n) => ({
      key: `${id}/blobs/${first}/${n}`,
      uploaded: new Date(TODAY - 40 * DAY_MS),
    }))
    const list = async () => ({ objects: objects.slice(0, 10), truncated: true })
    const BUCKET = new Proxy(bindings.BUCKET, {
      get: (target, name) => (name === 'list' ? list : Reflect.get(target, name)),
    })
    const counts = await counted(() => trigger({ ...bindings, BUCKET }))
    // The pages are listed past the counter.
    const pages = 6
    const { d1, r2Reads, r2Writes, r2Deletes } = counts
    expect(d1 + r2Reads + r2Writes + r2Deletes + pages).toBe(49)
  })
})
