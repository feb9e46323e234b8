/** One endpoint's part of a batch of retries: its deliveries in order, one at a time. */
import type { Delivery } from '../store/deliveries.ts'
import { deliver } from './deliver.ts'
import type { KnownEndpoint } from './endpoints.ts'
import { addressOptions } from './event-settings.ts'
import { type EventContext, TURN_MS, type Turn } from './lanes.ts'
import { queueDelay, storedEvent } from './messages.ts'
import { secondsToRetry, secondsToWait } from './pace.ts'
import { afterFailure, breakerDelaySeconds, CLOSED } from './retry-schedule.ts'

/** A delivery and the message that came for it. */
export interface Waiting {
  message: Message
  delivery: Delivery
}

/** What became of it: it comes again in so many seconds, or not, because it is delivered or to be given up. */
export interface Done {
  message: Message
  delivery: Delivery
  outcome: 'delivered' | 'given up' | { seconds: number }
}

export interface RetryTurn extends Turn {
  done: Done[]
}

/**
 * Tries the deliveries of an endpoint until its failures have cost one timeout, its breaker opens, or its time in this batch is
 * over; the rest wait.
 */
export async function takeRetryTurn(
  endpoint: KnownEndpoint,
  waiting: readonly Waiting[],
  { settings, now }: EventContext,
): Promise<RetryTurn> {
  const turn: RetryTurn = { endpoint, state: endpoint.state, done: [] }
  const end = now() + TURN_MS
  let failedMs = 0
  for (const one of waiting) turn.done.push(await next(one))
  return turn

  async function next(one: Waiting): Promise<Done> {
    if (endpoint.disabled) return givenUp(one, 'the endpoint is disabled')
    if (breakerDelaySeconds(turn.state, now()) > 0) {
      // With the breaker open nothing is sent, and the last attempts of those whose time is over were others'.
      const isOver = now() - one.delivery.firstAt >= settings.webhookRetryMs
      return isOver ? givenUp(one, 'the endpoint failed all the time') : postponed(one)
    }
    return failedMs >= endpoint.timeoutMs || now() >= end ? postponed(one) : tried(one)
  }

  async function tried(one: Waiting): Promise<Done> {
    const event = storedEvent(one.delivery.event ?? '')
    if (event === null) return givenUp(one, 'the event is not readable')
    const { message } = one
    const attempt = await deliver(endpoint, event, addressOptions(settings))
    const delivery = { ...one.delivery, ...attempt, attempts: one.delivery.attempts + 1 }
    if (attempt.error === null) {
      turn.state = CLOSED
      const delivered: Delivery = { ...delivery, state: 'delivered', event: null, nextAt: null }
      return { message, delivery: delivered, outcome: 'delivered' }
    }
    failedMs += attempt.ms
    turn.state = afterFailure(turn.state, endpoint, now())
    const seconds = secondsToRetry(
      { attempts: delivery.attempts, firstAt: delivery.firstAt, breaker: turn.state },
      now(),
      settings.webhookRetryMs,
    )
    return seconds === null
      ? { message, delivery, outcome: 'given up' }
      : again({ message, delivery }, seconds)
  }

  function postponed(one: Waiting): Done {
    const seconds = secondsToWait(one.message.attempts, turn.state, now(), settings.webhookRetryMs)
    return again(one, seconds)
  }

  function again({ message, delivery }: Waiting, wanted: number): Done {
    const seconds = queueDelay(wanted)
    const nextAt = now() + seconds * 1000
    return { message, delivery: { ...delivery, nextAt }, outcome: { seconds } }
  }
}

/** Whatever its last attempt said, `reason` is why no other is made; it stands in the dead letter where there was none. */
export function givenUp({ message, delivery }: Waiting, reason: string): Done {
  const error = delivery.error === null ? reason : `${reason}; before that: ${delivery.error}`
  return { message, delivery: { ...delivery, error }, outcome: 'given up' }
}
