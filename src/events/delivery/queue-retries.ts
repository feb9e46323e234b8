/** Puts deliveries into the slow lane. */
import { logError } from '../../lib/log.ts'
import type { Delivery } from '../../store/events/deliveries.ts'
import { queueDelay, sendAll } from '../model/messages.ts'
import type { EventContext } from './lanes.ts'

/**
 * Queues a message for each delivery that is to be retried. Never throws: if the queue fails, the sweep finds the overdue deliveries and
 * sends their messages.
 */
export async function queueRetries(
  deliveries: readonly Pick<Delivery, 'endpoint' | 'eventId' | 'nextAt'>[],
  { retries, now }: Pick<EventContext, 'retries' | 'now'>,
): Promise<void> {
  const messages = deliveries.flatMap(({ endpoint, eventId, nextAt }) =>
    nextAt === null
      ? []
      : [{ body: { endpoint, eventId }, delaySeconds: queueDelay((nextAt - now()) / 1000) }],
  )
  try {
    await sendAll(retries, messages)
  } catch (error) {
    logError(
      {
        message: 'deliveries were not queued: the sweep will send them',
        deliveries: messages.length,
      },
      error,
    )
  }
}
