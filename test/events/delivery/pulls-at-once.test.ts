/** How long pulls wait until they are sent. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { beginAnew, EVENTS, endpointFor } from '../support.ts'
import { isolate, manifestPull, ONE } from './noted-pulls.ts'

beforeEach(beginAnew)

describe('pulls that an endpoint wants', () => {
  it('are sent at once when there are a hundred', async () => {
    const { note, transport, work } = isolate(endpointFor(ONE))
    for (let count = 0; count < 100; count++) note(manifestPull())
    const begun = Date.now()
    await vi.waitFor(() => expect(transport.bodies(EVENTS)).toHaveLength(100))
    expect(Date.now() - begun).toBeLessThan(900)
    await Promise.all(work)
    expect(transport.bodies(EVENTS)).toHaveLength(100)
  })
})
