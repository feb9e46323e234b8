/** Clients behind slow lines, more than there are part buffers, hold up neither a fast one nor each other. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { HttpClient, slices } from '../bench/http.ts'
import { RegistryClient } from '../bench/registry-client.ts'
import { pushSlowly } from '../bench/slow-client.ts'
import { newBytes, stateFolder } from './support.ts'

const SLOW_CLIENTS = 14
const BYTES_PER_SECOND = 64 * 1024
const SLOW_SECONDS = 10
/** Alone it takes a tenth of a second. */
const FAST_MS = 5000
/** When all slow clients have sent more than a small buffer takes, and half of what they will send. */
const FAST_AFTER_MS = (SLOW_SECONDS / 2) * 1000

const folder = stateFolder()
let registry: LocalRegistry

beforeAll(async () => {
  registry = await startLocal({ state: folder.path, vars: { LOG_REQUESTS: 'false' } })
})
afterAll(async () => {
  await registry.stop()
  await folder.remove()
})

it(`a fast push beside ${SLOW_CLIENTS} slow ones is soon done, and they are stored as they were sent`, async () => {
  const http = new HttpClient(registry.url)
  let finished = 0
  const slow = Array.from({ length: SLOW_CLIENTS }, async (_, index) => {
    const outcome = await pushSlowly(http, {
      repository: 'slow/clients',
      size: BYTES_PER_SECOND * SLOW_SECONDS + index,
      bytesPerSecond: BYTES_PER_SECOND,
      chunked: index % 2 === 0,
      stall: index % 4 < 2 ? 2000 : 0,
    })
    finished += 1
    return outcome
  })
  const all = Promise.allSettled(slow)
  await new Promise((resolve) => setTimeout(resolve, FAST_AFTER_MS))

  const { bytes, digest } = newBytes(8 * 1024 * 1024)
  const start = performance.now()
  await new RegistryClient(registry.url, 'slow/fast').pushStreamed(digest, slices(bytes))
  const milliseconds = performance.now() - start
  const finishedBefore = finished

  const outcomes = await all
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.check()
  http.close()
  expect(finishedBefore).toBe(0)
  expect(milliseconds).toBeLessThan(FAST_MS)
}, 30_000)
