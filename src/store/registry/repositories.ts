/** Repositories. The first blob or manifest creates one. */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

const SQL = statements('repositories', {
  ensure: sql<[name: string, now: number]>(`
    INSERT INTO repositories (name, created_at) VALUES (?1, ?2)
    ON CONFLICT (name) DO NOTHING`),
})

/** Creates the repository if it does not exist. Stands in the batch before the statements that put content into it. */
export function ensureRepository(db: Database, name: string, now: number): Query<never> {
  return SQL.ensure(db, name, now)
}
