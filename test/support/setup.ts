/**
 * Every test file begins with an empty database that has the schema, empty storage, and modules that remember nothing. The files
 * share a few processes, since a process takes longer to start than most files take to run.
 */
import { listDurableObjectIds, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'

declare global {
  /** When the newest test file of this process began. */
  var fileBegan: number | undefined
}

/** The runtime drops an object that nobody called for 10 s from memory; in a file shorter than this it drops none. */
const NONE_DROPPED_MS = 8000

vi.useRealTimers()
await callDropped()
await reset()
vi.resetModules()
globalThis.fileBegan = Date.now()

/**
 * `reset` empties the objects that are in memory, so those that are not are called first. Databases and buckets are such objects
 * too, locally. Upload sessions need no call: their names are random, and no other file finds them.
 */
async function callDropped(): Promise<void> {
  await Promise.all([
    env.DB.exec('SELECT 1'),
    env.REPLICA.exec('SELECT 1'),
    env.BUCKET.head('none'),
  ])
  if (Date.now() - (globalThis.fileBegan ?? Date.now()) < NONE_DROPPED_MS) return
  const guards = await listDurableObjectIds(env.LOGINS)
  await Promise.all(guards.map((id) => runInDurableObject(env.LOGINS.get(id), () => undefined)))
}

// As Wrangler notes what it applied.
const noted = [
  'CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, ' +
    'applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)',
  ...env.TEST_MIGRATIONS.map(({ name }) => `INSERT INTO d1_migrations (name) VALUES ('${name}')`),
]

// In one round trip: applyD1Migrations takes one for each of some 50 statements, in each of the many files.
const statements = [...env.TEST_MIGRATIONS.flatMap(({ queries }) => queries), ...noted]
await env.DB.batch(statements.map((query) => env.DB.prepare(query)))
