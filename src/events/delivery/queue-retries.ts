/** The way into the slow lane. */
import { logError } from '../../lib/log.ts'
import type { Delivery } from '../../store/events/deliveries.ts'
import { queueDelay, sendAll } from '../model/messages.ts'
import type { EventContext } from './lanes.ts'

/**
 * Queues a message for each delivery that is to be tried again. It never throws: while the queue is away, the sweep finds the deliveries
 * overdue and sends their messages.
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
    logError({ message: 'deliveries wait for the sweep', deliveries: messages.length }, error)
  }
}
