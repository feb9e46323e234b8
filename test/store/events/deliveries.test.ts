/** Deliveries and dead letters as rows: nothing that ended begins again by itself, and each dies once. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  buryDeliveries,
  forgetDeadLetters,
  listDeadLetters,
  replayDeadLetters,
} from '../../../src/store/events/dead-letters.ts'
import {
  type Delivery,
  deliveriesByKey,
  listDeliveries,
  overdueDeliveries,
  postponeDeliveries,
  putDeliveries,
} from '../../../src/store/events/deliveries.ts'
import { count, db } from '../support.ts'

beforeEach(async () => {
  await db.batch([db.prepare('DELETE FROM deliveries'), db.prepare('DELETE FROM dead_letters')])
})

function pending(eventId: string, extra: Partial<Delivery> = {}): Delivery {
  return {
    eventId,
    endpoint: 'var:a',
    state: 'pending',
    action: 'push',
    repository: 'team/app',
    event: JSON.stringify({ id: eventId, action: 'push', target: { repository: 'team/app' } }),
    attempts: 1,
    firstAt: 100,
    nextAt: 200,
    status: 500,
    ms: 12,
    error: 'the answer is 500',
    excerpt: 'no',
    ...extra,
  }
}

function delivered(eventId: string): Delivery {
  const ended = { state: 'delivered' as const, event: null, nextAt: null, error: null, status: 200 }
  return pending(eventId, ended)
}

const STATES = ['pending', 'delivered', 'dead'] as const

describe('a delivery', () => {
  it('is read as it was written', async () => {
    await db.batch(putDeliveries(db, [pending('e')], 300))
    expect(await listDeliveries(db, 'var:a', STATES, 10)).toEqual([
      { ...pending('e'), updatedAt: 300 },
    ])
    expect(await listDeliveries(db, 'var:b', STATES, 10)).toEqual([])
    const keys = [
      { eventId: 'e', endpoint: 'var:a' },
      { eventId: 'e', endpoint: 'var:b' },
    ]
    const { results } = await deliveriesByKey(db, keys).all()
    expect(results).toHaveLength(1)
  })

  it('keeps the time of its first attempt', async () => {
    await db.batch(putDeliveries(db, [pending('e')], 1))
    await db.batch(putDeliveries(db, [pending('e', { firstAt: 999, attempts: 2 })], 2))
    const [row] = await listDeliveries(db, 'var:a', STATES, 10)
    expect(row).toMatchObject({ firstAt: 100, attempts: 2, updatedAt: 2 })
  })

  it('that is delivered or dead does not become pending again through a late duplicate', async () => {
    await db.batch(putDeliveries(db, [delivered('e'), pending('f')], 1))
    await db.batch(buryDeliveries(db, [{ endpoint: 'var:a', eventId: 'f' }], 2))
    await db.batch(putDeliveries(db, [pending('e'), pending('f')], 3))
    const rows = await listDeliveries(db, 'var:a', STATES, 10)
    expect(rows.map(({ eventId, state }) => [eventId, state])).toEqual([
      ['f', 'dead'],
      ['e', 'delivered'],
    ])
  })

  it('can be one of more than fit in a statement', async () => {
    const large = JSON.stringify({ text: 'ü"'.repeat(50_000) })
    const many = Array.from({ length: 20 }, (_, index) => pending(`e${index}`, { event: large }))
    const statements = putDeliveries(db, many, 1)
    expect(statements.length).toBeGreaterThan(1)
    await db.batch(statements)
    expect(await count('deliveries')).toBe(20)
  })

  it('is overdue when its time is over, until it is postponed', async () => {
    const deliveries = [300, 100, 200].map((nextAt) => pending(`at ${nextAt}`, { nextAt }))
    await db.batch(putDeliveries(db, [...deliveries, delivered('done')], 1))
    const due = await overdueDeliveries(db, 200, 10)
    expect(due.map(({ eventId }) => eventId)).toEqual(['at 100', 'at 200'])
    expect(await overdueDeliveries(db, 200, 1)).toHaveLength(1)
    await postponeDeliveries(db, due, 250).run()
    expect(await overdueDeliveries(db, 249, 10)).toEqual([])
  })

  it('must have its event while it is pending', async () => {
    for (const wrong of [pending('e', { event: null }), pending('e', { nextAt: null })]) {
      await expect(db.batch(putDeliveries(db, [wrong], 1))).rejects.toThrow('CHECK')
    }
  })
})

describe('a dead letter', () => {
  const key = { endpoint: 'var:a', eventId: 'e' }

  it('has what the delivery had, and is written once', async () => {
    await db.batch(putDeliveries(db, [pending('e'), delivered('f')], 1))
    for (const at of [7, 8]) {
      await db.batch(buryDeliveries(db, [key, { ...key, eventId: 'f' }], at))
    }
    expect(await listDeadLetters(db, 'var:a', 1e9, 10)).toEqual([
      {
        id: expect.any(Number),
        ...key,
        event: pending('e').event,
        error: 'the answer is 500',
        attempts: 1,
        at: 7,
        replayedAt: null,
      },
    ])
  })

  it('has another reason if nothing was tried', async () => {
    await db.batch(putDeliveries(db, [pending('e', { error: null, attempts: 0 })], 1))
    await db.batch(buryDeliveries(db, [key], 2, 'the queue gave it up'))
    const [letter] = await listDeadLetters(db, 'var:a', 1e9, 10)
    expect(letter?.error).toBe('the queue gave it up')
  })

  it('that is replayed is pending again, with its full time', async () => {
    await db.batch(putDeliveries(db, [pending('e', { attempts: 60 })], 1))
    await db.batch(buryDeliveries(db, [key], 2))
    expect(await replayDeadLetters(db, { endpoint: 'var:a', since: 0, limit: 9 }, 5000)).toEqual([
      key,
    ])
    const [row] = await listDeliveries(db, 'var:a', STATES, 10)
    expect(row).toMatchObject({ state: 'pending', attempts: 0, firstAt: 5000, nextAt: 5000 })
    expect(row?.event).toBe(pending('e').event)
    const [letter] = await listDeadLetters(db, 'var:a', 1e9, 10)
    expect(letter?.replayedAt).toBe(5000)
  })

  it('can be replayed when its delivery is forgotten', async () => {
    await db.batch(putDeliveries(db, [pending('e')], 1))
    await db.batch(buryDeliveries(db, [key], 2))
    await db.prepare('DELETE FROM deliveries').run()
    await replayDeadLetters(db, { endpoint: 'var:a', since: 0, limit: 9 }, 5000)
    const [row] = await listDeliveries(db, 'var:a', STATES, 10)
    expect(row).toMatchObject({ action: 'push', repository: 'team/app', state: 'pending' })
  })

  it('is replayed with others that cannot be read', async () => {
    const others = ['', '{}', 'null'].map((event, index) => pending(`other ${index}`, { event }))
    await db.batch(putDeliveries(db, [pending('e'), ...others], 1))
    const keys = [key, ...others.map(({ eventId }) => ({ ...key, eventId }))]
    await db.batch(buryDeliveries(db, keys, 2))
    const replay = { endpoint: 'var:a', since: 0, limit: 9 }
    expect(await replayDeadLetters(db, replay, 5000)).toHaveLength(4)
    expect(await listDeliveries(db, 'var:a', ['pending'], 10)).toHaveLength(4)
  })

  it('is removed after a time', async () => {
    await db.batch(putDeliveries(db, [pending('e'), pending('f')], 1))
    await db.batch(buryDeliveries(db, [key], 10))
    await db.batch(buryDeliveries(db, [{ ...key, eventId: 'f' }], 20))
    expect(await forgetDeadLetters(db, 20, 10)).toBe(1)
    const letters = await listDeadLetters(db, 'var:a', 1e9, 10)
    expect(letters.map(({ eventId }) => eventId)).toEqual(['f'])
  })
})
