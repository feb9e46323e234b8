/** Brings a local database up to date, as `wrangler d1 migrations apply` does, and in the same table. wrangler takes seconds to start. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { D1Database } from '@cloudflare/workers-types'
import { ROOT } from './root.ts'

const FOLDER = join(ROOT, 'migrations')

const SQL = {
  table: `CREATE TABLE IF NOT EXISTS d1_migrations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
  applied: 'SELECT name FROM d1_migrations',
  note: 'INSERT INTO d1_migrations (name) VALUES (?1)',
} as const

/**
 * Applies the files of `migrations/` that the database lacks, in the order of their names, each as a whole or not at all.
 * @throws if a file fails; the message names it
 */
export async function applyMigrations(db: D1Database): Promise<void> {
  await db.prepare(SQL.table).run()
  const { results } = await db.prepare(SQL.applied).all<{ name: string }>()
  const applied = new Set(results.map(({ name }) => name))
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort()
  for (const name of files) {
    if (!applied.has(name)) await apply(db, name)
  }
}

async function apply(db: D1Database, name: string): Promise<void> {
  const { unstable_splitSqlQuery: split } = await import('wrangler')
  const statements = split(await readFile(join(FOLDER, name), 'utf8'))
  try {
    await db.batch([
      ...statements.map((statement) => db.prepare(statement)),
      db.prepare(SQL.note).bind(name),
    ])
  } catch (error) {
    throw new Error(`migration ${name} failed: ${error}`, { cause: error })
  }
}
