/** One endpoint's part of a batch, in either lane: its deliveries in order, one at a time. */
import type { Delivery } from '../../store/events/deliveries.ts'
import { eventJson } from '../../store/events/outbox.ts'
import type { RegistryEvent } from '../model/event.ts'
import { addressOptions } from '../model/event-settings.ts'
import { queueDelay, storedEvent } from '../model/messages.ts'
import type { KnownEndpoint } from '../webhooks/endpoints.ts'
import { afterFailure, type BreakerState, CLOSED } from './breaker.ts'
import { type Attempt, deliver } from './deliver.ts'
import { ENDPOINTS_AT_ONCE, type EventContext, forEachAtMost } from './lanes.ts'
import { giveUp, isTriedNow, type NextStep, nextStep } from './next-step.ts'

/** An endpoint gets nothing more of a batch after this time: a batch has 15 minutes, and others wait for the next one. */
const TURN_MS = 10_000

/** A delivery that a turn comes to. */
export interface Planned {
  delivery: Delivery
  /** Null in the slow lane, where the delivery has the event's JSON. */
  event: RegistryEvent | null
  /** The message of the slow lane that came for it; null in the fast lane. */
  message: Message | null
}

/** What became of a delivery. */
export interface Outcome {
  /** As it is to be written. */
  delivery: Delivery
  message: Message | null
  next: NextStep
}

export interface Turn {
  endpoint: KnownEndpoint
  /** The endpoint's breaker after the turn. */
  breaker: BreakerState
  outcomes: Outcome[]
}

/** An endpoint's deliveries in one batch. */
export interface TurnPlan {
  endpoint: KnownEndpoint
  /** A turn takes the next one only after it is done with the one before. */
  deliveries: Iterable<Planned>
}

/** Serves endpoints beside each other, so many at the same time as connections allow. */
export async function takeTurns(
  plans: readonly TurnPlan[],
  context: EventContext,
): Promise<Turn[]> {
  const turns: Turn[] = []
  await forEachAtMost(ENDPOINTS_AT_ONCE, plans, async (plan) => {
    turns.push(await takeTurn(plan, context))
  })
  return turns
}

async function takeTurn(
  { endpoint, deliveries }: TurnPlan,
  { settings, now }: EventContext,
): Promise<Turn> {
  const { state: breaker } = endpoint
  const turn = { endpoint, breaker, failedMs: 0, end: now() + TURN_MS }
  const outcomes: Outcome[] = []
  for (const planned of deliveries) outcomes.push(await outcomeOf(planned))
  return { endpoint, breaker: turn.breaker, outcomes }

  async function outcomeOf(planned: Planned): Promise<Outcome> {
    const { delivery, message } = planned
    if (!isTriedNow(turn, waitsOf(message), now())) return decided(planned, null)
    const event = planned.event ?? storedEvent(delivery.event ?? '')
    if (event === null) {
      return withStep(planned, giveUp(delivery, 'the event is not readable'), now())
    }
    const attempt = await deliver(endpoint, event, addressOptions(settings))
    noteAttempt(attempt)
    const tried = { ...delivery, ...attempt, attempts: delivery.attempts + 1 }
    return decided({ ...planned, delivery: tried }, attempt)
  }

  function noteAttempt({ error, ms }: Attempt): void {
    if (error === null) {
      turn.breaker = CLOSED
    } else {
      turn.failedMs += ms
      turn.breaker = afterFailure(turn.breaker, endpoint, now())
    }
  }

  function decided(planned: Planned, attempt: Attempt | null): Outcome {
    const { delivery, message } = planned
    const clock = { now: now(), retryForMs: settings.webhookRetryMs }
    const next = nextStep(turn, { delivery, waits: waitsOf(message) }, attempt, clock)
    return withStep(planned, next, clock.now)
  }
}

/** A queue counts how often it hands out a message, from 1. */
function waitsOf(message: Message | null): number {
  return message?.attempts ?? 0
}

/** The delivery as it is after this step. One that is given up keeps its event, of which the dead letter is made. */
export function withStep(
  { delivery, event, message }: Planned,
  next: NextStep,
  now: number,
): Outcome {
  if (next.kind === 'delivered') {
    const delivered = { ...delivery, state: next.kind, event: null, nextAt: null }
    return { message, next, delivery: delivered }
  }
  if (next.kind === 'given up') {
    return { message, next, delivery: { ...delivery, error: next.error } }
  }
  const seconds = queueDelay(next.seconds)
  const json = event === null ? delivery.event : eventJson(event)
  const waiting = { ...delivery, event: json, nextAt: now + seconds * 1000 }
  return { message, next: { kind: 'again', seconds }, delivery: waiting }
}
