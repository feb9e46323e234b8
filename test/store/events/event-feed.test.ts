/** The feed: rows of the outbox in their order, and a place in it that stays good. */
import { beforeEach, describe, expect, it } from 'vitest'
import { readEvents, scanEvents } from '../../../src/store/events/event-feed.ts'
import { recordEvent } from '../../../src/store/events/outbox.ts'
import { anyEvent } from '../../support/any-event.ts'
import { db } from '../support.ts'

beforeEach(async () => {
  await db.prepare('DELETE FROM events').run()
})

async function idsAfter(since: number, limit: number): Promise<{ ids: string[]; last: number }> {
  const scanned = await scanEvents(db, since, limit)
  const events = await readEvents(
    db,
    scanned.map(({ seq }) => seq),
  )
  return { ids: events.map((event) => JSON.parse(event).id), last: scanned.at(-1)?.seq ?? since }
}

describe('the feed', () => {
  it('continues after the last event that was read, even if others were removed', async () => {
    const events = Array.from({ length: 5 }, () => anyEvent())
    await db.batch(events.map((event) => recordEvent(db, event)))
    const first = await idsAfter(0, 2)
    expect(first.ids).toEqual([events[0]?.id, events[1]?.id])
    await db.prepare('DELETE FROM events').run()
    const next = anyEvent()
    await db.batch([recordEvent(db, next)])
    expect((await idsAfter(first.last, 10)).ids).toEqual([next.id])
  })
})
