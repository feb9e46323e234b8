/** Repositories: they come into being with their first blob or manifest, and are listed by name. */

const SQL = {
  ensure: `
    INSERT INTO repositories (name, created_at) VALUES (?1, ?2)
    ON CONFLICT (name) DO NOTHING`,
  list: `
    SELECT name FROM repositories WHERE name > ?1 ORDER BY name LIMIT ?2`,
} as const

/** The statement that makes sure of a repository, to stand first in the batch that puts something into it. */
export function ensureRepository(db: D1Database, name: string, now: number): D1PreparedStatement {
  return db.prepare(SQL.ensure).bind(name, now)
}

/** Up to `limit` names in byte order, after the name `last` ('' begins at the first). */
export async function listRepositories(
  db: D1Database,
  last: string,
  limit: number,
): Promise<string[]> {
  const { results } = await db.prepare(SQL.list).bind(last, limit).all<{ name: string }>()
  return results.map((row) => row.name)
}
