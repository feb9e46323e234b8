/** An event that tells of nothing in particular, for changes that are made without a request. */
import type { OutboxEvent } from '../../src/store/outbox.ts'

export function anyEvent(repository = 'any'): OutboxEvent {
  return {
    id: crypto.randomUUID(),
    timestamp: new Date().toISOString(),
    action: 'push',
    target: { repository },
  }
}
