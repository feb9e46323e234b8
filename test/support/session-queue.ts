/** What upload sessions send to the queue of events: they have the queue of their own environment, not that of a test's request. */
import type { EventMessage } from '../../src/events/model/messages.ts'

type Messages = Iterable<MessageSendRequest<EventMessage>>

const watchers = new Set<(messages: Messages) => void>()

/** Calls `watcher` with what is sent from now on. */
export function onSessionMessages(watcher: (messages: Messages) => void): void {
  watchers.add(watcher)
}

/** The same environment, whose queue of events is watched. */
export function watchQueue<T extends { EVENTS: Queue<EventMessage> }>(env: T): T {
  const sendBatch: Queue<EventMessage>['sendBatch'] = (messages, options) => {
    for (const watcher of watchers) watcher(messages)
    return env.EVENTS.sendBatch(messages, options)
  }
  return { ...env, EVENTS: { ...env.EVENTS, sendBatch } }
}
