/** How long a batch of the slow lane takes where nobody answers. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  beginAnew,
  endpointFor,
  failedFirst,
  HANG,
  MINUTE,
  passTime,
  RETRIES,
  receiver,
  standing,
  Transport,
} from '../support.ts'

beforeEach(beginAnew)

describe('an endpoint that hangs', () => {
  it('costs a batch one timeout', async () => {
    const one = receiver('one', HANG)
    const transport = new Transport([endpointFor(one, { timeout: '300ms' })])
    await failedFirst(transport, 20)
    one.received.length = 0
    passTime(MINUTE)
    const begun = Date.now()
    expect(await transport.deliver(RETRIES)).toBe(20)
    expect(one.received).toHaveLength(1)
    expect(Date.now() - begun).toBeLessThan(600)
    expect(await standing('one')).toEqual({ pending: 20 })
  })
})
