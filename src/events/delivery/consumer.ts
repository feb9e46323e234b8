/** The consumer of all queues. A batch comes from one queue; the end of its name says which. */
import { buryGivenUp } from './dead-queue.ts'
import { fanOut } from './fan-out.ts'
import type { EventContext } from './lanes.ts'
import { retryDeliveries } from './retries.ts'

export function consumeEvents(batch: MessageBatch, context: EventContext): Promise<void> {
  if (batch.queue.endsWith('-dead')) return buryGivenUp(batch, context)
  return batch.queue.endsWith('-retries') ? retryDeliveries(batch, context) : fanOut(batch, context)
}
