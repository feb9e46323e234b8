/**
 * The queue's consumer: each change of the registry becomes one JSON line of the Worker's log. A message is acknowledged by
 * itself; one that is no event would be no better the next time, so it is logged and let go.
 */
import { logError, logInfo } from '../lib/log.ts'
import type { RegistryEvent } from './event.ts'

export async function consumeEvents(batch: MessageBatch): Promise<void> {
  for (const message of batch.messages) {
    if (isEvent(message.body)) logInfo({ message: 'registry event', event: message.body })
    else logError({ message: 'not a registry event', id: message.id })
    message.ack()
  }
}

function isEvent(body: unknown): body is RegistryEvent {
  return body instanceof Object && 'id' in body && 'action' in body && 'target' in body
}
