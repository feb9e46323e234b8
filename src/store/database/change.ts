/**
 * Changes. Each takes effect once, however often it is tried. A change is a batch that records its event, and the id of the event is
 * that of the operation. Ids of events are unique, so a second batch of the operation fails as a whole. An answer that is lost and a
 * batch that comes late do no harm.
 */
import { isPassing } from '../../lib/passing-error.ts'
import { withRetries } from '../../lib/retry.ts'
import type { Database } from './database.ts'
import { type Query, runBatch, sql, statements } from './statement.ts'

/** The batch of the last try may still be under way. It gets this time before the look for its event. */
const LOOK_AFTER_MS = 800

/** `nothing`: the batch found nothing to change and recorded no event. */
export type ChangeOutcome = 'applied' | 'repeated' | 'nothing'

const SQL = statements('change', {
  find: sql<[eventId: string], { found: 1 }>(`SELECT 1 AS found FROM events WHERE id = ?1`),
})

/**
 * Applies the statements as one transaction. The first one must record the event `operationId`, so that an operation that was done
 * before fails there, and not where the schema would refuse it.
 * @throws the error that refuses the batch, or the passing error of the last try
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

/** Whether a batch failed because a row that it refers to is gone, or because a row that it removes is still referred to. */
export function isForeignKeyError(error: unknown): boolean {
  return error instanceof Error && error.message.includes('FOREIGN KEY constraint failed')
}
