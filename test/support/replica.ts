/**
 * A read replica that lags. Nothing local replicates: this is a second, real D1 database behind a stand-in for `withSession`, which
 * has what was there when it last caught up. Its answers say, as D1's do, that it is no primary.
 */
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { Env } from '../../src/http/middleware/context.ts'
import { bindings } from './registry.ts'

await applyD1Migrations(env.REPLICA, env.TEST_MIGRATIONS)

/** How often each database was asked. */
const calls = { primary: 0, replica: 0 }

/** What `work` asked of the primary, and of the replica. */
export async function asked(work: () => Promise<unknown>): Promise<typeof calls> {
  Object.assign(calls, { primary: 0, replica: 0 })
  await work()
  return { ...calls }
}

const replica = answering(env.REPLICA, () => {
  calls.replica += 1
  return false
})
const primary = answering(env.DB, () => {
  calls.primary += 1
  return true
})

/** The Worker's bindings at a location whose nearest database is the replica. */
export const nearReplica: Env = {
  ...bindings,
  DB: withMethods(primary, { withSession: () => replica }),
}

/** Each before those that refer to it. */
const TABLES = [
  'repositories',
  'blobs',
  'repository_blobs',
  'manifests',
  'manifest_blobs',
  'manifest_children',
  'tags',
]

/** Lets the replica have all that the primary has now. */
export async function catchUp(): Promise<void> {
  const copied: D1PreparedStatement[] = []
  for (const table of TABLES) {
    const { results } = await env.DB.prepare(`SELECT * FROM ${table}`).all()
    for (const row of results) {
      const columns = Object.keys(row).join(', ')
      const places = Object.keys(row).fill('?').join(', ')
      const insert = env.REPLICA.prepare(`INSERT INTO ${table} (${columns}) VALUES (${places})`)
      copied.push(insert.bind(...Object.values(row)))
    }
  }
  // A trigger notes that the tags go, which holds the repositories.
  const emptied = TABLES.toReversed().toSpliced(1, 0, 'tag_history')
  await env.REPLICA.batch([
    ...emptied.map((table) => env.REPLICA.prepare(`DELETE FROM ${table}`)),
    ...copied,
  ])
}

/** `db`, whose answers have the origin that `origin` tells, asked once for each call: the primary, or not, or nothing of it. */
export function answering(db: D1Database, origin: () => boolean | undefined): D1Database {
  const real = new WeakMap<object, D1PreparedStatement>()
  const signed = (result: D1Result, isPrimary: boolean | undefined): D1Result => {
    const { served_by_primary: _, ...meta } = result.meta
    return isPrimary === undefined
      ? { ...result, meta }
      : { ...result, meta: { ...meta, served_by_primary: isPrimary } }
  }
  const wrapped = (statement: D1PreparedStatement): D1PreparedStatement => {
    const all = async () => signed(await statement.all(), origin())
    const made = withMethods(statement, {
      all,
      run: all,
      first: async () => (await all()).results[0] ?? null,
      bind: (...values: unknown[]) => wrapped(statement.bind(...values)),
    })
    real.set(made, statement)
    return made
  }
  return withMethods(db, {
    prepare: (sql: string) => wrapped(db.prepare(sql)),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await db.batch(statements.map((made) => real.get(made) ?? made))
      const isPrimary = origin()
      return results.map((result) => signed(result, isPrimary))
    },
  })
}

function withMethods<T extends object>(target: T, methods: Record<string, unknown>): T {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && name in methods) return methods[name]
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
