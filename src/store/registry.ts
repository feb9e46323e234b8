/** Which registry this database is: its storage keys begin with its id, and it judges no others. */
import type { Database } from './database.ts'
import { Memory } from './memory.ts'

/**
 * A restored database takes a new id, and isolates hear of it within this time. What they write under the old one until then is
 * as good as any; only that nobody sweeps it, should it be garbage.
 */
const REMEMBERED_MS = 5 * 60_000

const SQL = {
  id: `SELECT id FROM registry WHERE one = 1`,
} as const

const ids = new Memory<string>(REMEMBERED_MS)

/** The registry's id. */
export function registryId(db: Database): Promise<string> {
  return ids.of(db, async () => {
    const row = await db.prepare(SQL.id).first<{ id: string }>()
    if (row === null) throw new Error('the table registry has lost its row')
    return row.id
  })
}

/** Remembers an id that was read with something else. */
export function rememberRegistryId(db: Database, id: string): void {
  ids.set(db, id)
}
