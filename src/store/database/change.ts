/**
 * Changes, each done once however often it is tried. A change is a batch with its event, whose id is the operation's: the batch that
 * comes a second time fails whole, as events have unique ids, so an error after the effect does no harm, nor does a late batch.
 */
import { isPassing } from '../../lib/passing-error.ts'
import { withRetries } from '../../lib/retry.ts'
import type { Database } from './database.ts'
import { type Query, runBatch, sql, statements } from './statement.ts'

/** After the last try its batch may still be under way: for so long it is given time. */
const LOOK_AFTER_MS = 800

/** `nothing`: there was nothing to change, so no event was recorded. */
export type ChangeOutcome = 'applied' | 'repeated' | 'nothing'

const SQL = statements('change', {
  find: sql<[eventId: string], { found: 1 }>(`SELECT 1 AS found FROM events WHERE id = ?1`),
})

/**
 * Applies the statements as one transaction. One of them has to record the event `operationId`, and comes first: then an operation
 * that was done before is told from one that is refused.
 * @throws what refuses the batch, and passing errors that outlasted all tries
 */
export async function applyChange(
  db: Database,
  operationId: string,
  statements: readonly Query<unknown>[],
): Promise<ChangeOutcome> {
  const find = () => SQL.find(db, operationId)
  try {
    return await withRetries(async () => {
      const results = await runBatch(db, [...statements, find()])
      return results.at(-1)?.results.length === 0 ? 'nothing' : 'applied'
    }, isPassing)
  } catch (error) {
    if (isRepeated(error)) return 'repeated'
    if (!isPassing(error)) throw error
    await scheduler.wait(LOOK_AFTER_MS)
    const found = await find()
      .first()
      .catch(() => null)
    if (found !== null) return 'repeated'
    throw error
  }
}

function isRepeated(error: unknown): boolean {
  return error instanceof Error && error.message.includes('UNIQUE constraint failed: events.id')
}

/** Whether a batch failed because a row that it needs is gone, or one that it removes is needed. */
export function isForeignKeyError(error: unknown): boolean {
  return error instanceof Error && error.message.includes('FOREIGN KEY constraint failed')
}
