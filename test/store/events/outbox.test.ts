/** The outbox: an event is there exactly when its change is, once, and in order. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  cascadeEvents,
  type EventRow,
  eventJson,
  eventsById,
  forgetEvents,
  type OutboxEvent,
  postponeEvents,
  recordEvent,
  recordEventIf,
  settleEvents,
  unsettledEvents,
  type Witness,
} from '../../../src/store/events/outbox.ts'
import { removeManifest } from '../../../src/store/registry/manifests.ts'
import { anyEvent } from '../../support/any-event.ts'
import { committedBlob, db, storedManifest } from '../support.ts'

beforeEach(async () => {
  await db.prepare('DELETE FROM events').run()
})

async function written(): Promise<OutboxEvent[]> {
  const rows = await db.prepare('SELECT event FROM events ORDER BY seq').all<{ event: string }>()
  return rows.results.map(({ event }) => JSON.parse(event))
}

function at(event: OutboxEvent): number {
  return Date.parse(event.timestamp)
}

describe('an event', () => {
  it('is written as it is, and a second batch that has it fails', async () => {
    const event = anyEvent('team/app')
    await db.batch([recordEvent(db, event)])
    await expect(db.batch([recordEvent(db, event)])).rejects.toThrow('events.id')
    expect(await written()).toEqual([event])
  })

  it('is not written if the change fails', async () => {
    const failing = db.prepare(
      `INSERT INTO repository_blobs (repository_id, digest, linked_at) VALUES (999, 'x', 1)`,
    )
    await expect(db.batch([recordEvent(db, anyEvent()), failing])).rejects.toThrow()
    expect(await written()).toEqual([])
  })

  it('loses its references if it is too large for a row, and says so', () => {
    const event = anyEvent('a')
    const target = { ...event.target, tag: 't', references: ['x'.repeat(199_000)] }
    expect(JSON.parse(eventJson({ ...event, target }))).toEqual({ ...event, target })
    const large = { ...target, references: ['x'.repeat(200_001)] }
    expect(JSON.parse(eventJson({ ...event, target: large }))).toEqual({
      ...event,
      target: { repository: 'a', tag: 't', truncated: true },
    })
  })
})

describe('an event with a witness', () => {
  it('is written only if the witness is in the repository', async () => {
    const blob = await committedBlob('outbox/a')
    const manifest = await storedManifest('outbox/a', { blobs: [blob], tags: ['t'] })
    await db.prepare('DELETE FROM events').run()
    const there: Witness[] = [
      { repository: 'outbox/a', tag: 't' },
      { repository: 'outbox/a', manifest: manifest.digest },
      { repository: 'outbox/a', blob: blob.digest },
    ]
    const missing: Witness[] = [
      { repository: 'outbox/a', tag: 'u' },
      { repository: 'outbox/b', tag: 't' },
      { repository: 'outbox/a', manifest: blob.digest },
      { repository: 'outbox/b', manifest: manifest.digest },
      { repository: 'outbox/a', blob: manifest.digest },
      { repository: 'outbox/b', blob: blob.digest },
    ]
    const events = there.map(() => anyEvent())
    await db.batch([
      ...there.map((witness, index) => recordEventIf(db, events[index] ?? anyEvent(), witness)),
      ...missing.map((witness) => recordEventIf(db, anyEvent(), witness)),
    ])
    expect((await written()).map(({ id }) => id)).toEqual(events.map(({ id }) => id))
  })
})

describe('the events of tags that go with a manifest', () => {
  it('are one for each, in the order of names, and found by the id of the delete', async () => {
    const manifest = await storedManifest('outbox/a', { tags: ['two', 'one.0', 'é'] })
    await storedManifest('outbox/a', { tags: ['other'] })
    await storedManifest('outbox/b', { tags: ['elsewhere'] })
    await db.prepare('DELETE FROM events').run()
    const event = anyEvent('outbox/a')
    await removeManifest(db, 'outbox/a', manifest.digest, event)
    const ofTags = ['one.0', 'two', 'é'].map((tag) => ({
      ...event,
      id: `${event.id}/${tag}`,
      target: { repository: 'outbox/a', tag },
    }))
    expect(await written()).toEqual([event, ...ofTags])
    const found = await cascadeEvents(db, event.id, 2)
    expect(found.map((json) => JSON.parse(json))).toEqual(ofTags.slice(0, 2))
  })

  it('are none if the delete is refused', async () => {
    const child = await storedManifest('outbox/a', { tags: ['child'] })
    await storedManifest('outbox/a', { children: [child] })
    await db.prepare('DELETE FROM events').run()
    expect(await removeManifest(db, 'outbox/a', child.digest, anyEvent())).toBe('in use')
    expect(await written()).toEqual([])
  })
})

describe('an unsettled event', () => {
  it('is listed from half a minute on, until it is settled', async () => {
    const [one, two] = [anyEvent(), anyEvent()]
    await db.batch([recordEvent(db, one), recordEvent(db, two)])
    const due = Math.max(at(one), at(two)) + 30_000
    expect(await unsettledEvents(db, Math.min(at(one), at(two)) + 29_999, 10)).toEqual([])
    expect(await unsettledEvents(db, due, 10)).toHaveLength(2)
    expect(await unsettledEvents(db, due, 1)).toHaveLength(1)
    await db.batch([settleEvents(db, [one.id, 'of a pull'], due)])
    expect((await unsettledEvents(db, due, 10)).map(({ id }) => id)).toEqual([two.id])
    await db.batch([postponeEvents(db, [two.id], due + 1000)])
    expect(await unsettledEvents(db, due + 999, 10)).toEqual([])
    expect(await unsettledEvents(db, due + 1000, 10)).toHaveLength(1)
  })

  it('is listed without its JSON if it is large', async () => {
    // They come in the order of their times: made the other way round, a millisecond between them would turn it.
    const small = anyEvent()
    const large = anyEvent()
    const target = { ...large.target, references: ['x'.repeat(30_000)] }
    await db.batch([recordEvent(db, small), recordEvent(db, { ...large, target })])
    const events = await unsettledEvents(db, Number.MAX_SAFE_INTEGER, 10)
    expect(events.map(({ event }) => event === null)).toEqual([false, true])
    const ids = events.map(({ id }) => id)
    const { results } = await eventsById(db, ids, [large.id]).all<EventRow>()
    expect(results.map(({ id, event }) => [id, event === null])).toEqual(
      expect.arrayContaining([
        [ids[0], true],
        [large.id, false],
      ]),
    )
  })

  it('is never removed; settled ones are, the oldest first', async () => {
    const events = Array.from({ length: 4 }, (_, index) => ({
      ...anyEvent(),
      timestamp: new Date(1000 * index).toISOString(),
    }))
    await db.batch(events.map((event) => recordEvent(db, event)))
    const ids = events.slice(1).map(({ id }) => id)
    await db.batch([settleEvents(db, ids, 5000)])
    expect(await forgetEvents(db, 3000, 1)).toBe(1)
    expect((await written()).map(({ id }) => id)).toEqual([0, 2, 3].map((i) => events[i]?.id))
    expect(await forgetEvents(db, 3000, 10)).toBe(1)
    expect((await written()).map(({ id }) => id)).toEqual([0, 3].map((i) => events[i]?.id))
  })
})
