/** Repositories come into being with their first blob or manifest. */
import type { Database, Statement } from '../database/database.ts'

const SQL = {
  ensure: `
    INSERT INTO repositories (name, created_at) VALUES (?1, ?2)
    ON CONFLICT (name) DO NOTHING`,
} as const

/** The statement that makes sure of a repository, to stand first in the batch that puts something into it. */
export function ensureRepository(db: Database, name: string, now: number): Statement {
  return db.prepare(SQL.ensure).bind(name, now)
}
