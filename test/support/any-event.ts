/** What tells of a change that is made without a request. */
import type { By } from '../../src/registry/context.ts'
import type { OutboxEvent } from '../../src/store/events/outbox.ts'

/** An event that tells of nothing in particular. */
export function anyEvent(repository = 'any'): OutboxEvent {
  return {
    id: crypto.randomUUID(),
    timestamp: new Date().toISOString(),
    action: 'push',
    target: { repository },
  }
}

/** Nobody in particular, who may do nothing. */
export function anyBy(): By {
  return {
    subject: '',
    actions: [],
    requestId: crypto.randomUUID(),
    address: '',
    host: 'registry.test',
    method: 'PUT',
    userAgent: '',
    baseUrl: 'http://registry.test',
  }
}
