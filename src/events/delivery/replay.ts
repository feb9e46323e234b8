/** Replay: dead letters become deliveries again. */
import { type Replay, replayDeadLetters } from '../../store/events/dead-letters.ts'
import type { EventContext } from './lanes.ts'
import { queueRetries } from './queue-retries.ts'

/** Turns dead letters into deliveries that are due now, and queues them. Returns their number. */
export async function replay(
  letters: Replay,
  { db, retries, now }: Pick<EventContext, 'db' | 'retries' | 'now'>,
): Promise<number> {
  const nextAt = now()
  const keys = await replayDeadLetters(db, letters, nextAt)
  await queueRetries(
    keys.map((key) => ({ ...key, nextAt })),
    { retries, now },
  )
  return keys.length
}
