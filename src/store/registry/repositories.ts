/** Repositories come into being with their first blob or manifest. */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

const SQL = statements('repositories', {
  ensure: sql<[name: string, now: number]>(`
    INSERT INTO repositories (name, created_at) VALUES (?1, ?2)
    ON CONFLICT (name) DO NOTHING`),
})

/** The statement that makes sure of a repository, to stand first in the batch that puts something into it. */
export function ensureRepository(db: Database, name: string, now: number): Query<never> {
  return SQL.ensure(db, name, now)
}
