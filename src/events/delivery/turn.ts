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

/** No attempt of a turn begins after this time: a batch has 15 minutes, and the other endpoints wait for the next batch. */
const TURN_MS = 10_000

/** A delivery to handle in a turn. */
export interface Planned {
  delivery: Delivery
  /** Null in the slow lane, where the delivery itself has the JSON of the event. */
  event: RegistryEvent | null
  /** The slow-lane message that names the delivery; null in the fast lane. */
  message: Message | null
}

/** The outcome of a delivery in a turn. */
export interface DeliveryOutcome {
  /** The delivery as it will be written to D1. */
  delivery: Delivery
  message: Message | null
  next: NextStep
}

export interface Turn {
  endpoint: KnownEndpoint
  /** The endpoint's breaker after the turn. */
  breaker: BreakerState
  outcomes: DeliveryOutcome[]
}

/** An endpoint's deliveries in one batch. */
export interface TurnPlan {
  endpoint: KnownEndpoint
  /** A turn takes the next delivery only after it has finished the one before. */
  deliveries: Iterable<Planned>
}

/** Serves endpoints in parallel, as many as the limit on connections allows. */
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
  const outcomes: DeliveryOutcome[] = []
  for (const planned of deliveries) outcomes.push(await outcomeOf(planned))
  return { endpoint, breaker: turn.breaker, outcomes }

  async function outcomeOf(planned: Planned): Promise<DeliveryOutcome> {
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

  function decided(planned: Planned, attempt: Attempt | null): DeliveryOutcome {
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

/** The delivery after this step. A delivery that is given up keeps its event, which the dead letter needs. */
export function withStep(
  { delivery, event, message }: Planned,
  next: NextStep,
  now: number,
): DeliveryOutcome {
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
