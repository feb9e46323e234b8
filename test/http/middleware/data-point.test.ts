/** The data points of Workers Analytics Engine: one a request, where a dataset is bound. */
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { administer, basic, closed } from '../../support/access-world.ts'
import {
  bindings,
  type PushedImage,
  pushBlob,
  pushImage,
  randomBytes,
  send,
} from '../../support/registry.ts'

class Dataset {
  points: AnalyticsEngineDataPoint[] = []

  writeDataPoint(point?: AnalyticsEngineDataPoint): void {
    if (point !== undefined) this.points.push(point)
  }
}

async function pointsOf(environment: Env, work: (bound: Env) => Promise<unknown>) {
  const dataset = new Dataset()
  await work({ ...environment, ANALYTICS: dataset })
  return dataset.points
}

const REPOSITORY = 'points/app'
let image: PushedImage

beforeAll(async () => {
  image = await pushImage(REPOSITORY, 'latest')
  await send('GET', `/v2/${REPOSITORY}/manifests/latest`)
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a request', () => {
  it('is one point', async () => {
    const points = await pointsOf(bindings, (bound) =>
      send('GET', `/v2/${REPOSITORY}/manifests/latest`, {}, bound),
    )
    expect(points).toEqual([
      {
        indexes: [REPOSITORY],
        blobs: ['GET', '/manifests', '2xx', '', '', REPOSITORY],
        doubles: [expect.any(Number), image.bytes.length, 1, 0, 0, 0],
      },
    ])
  })

  it('says whether the edge had the bytes, and counts the calls', async () => {
    const { digest } = await pushBlob(REPOSITORY, randomBytes(100))
    const points = await pointsOf(bindings, async (bound) => {
      await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`, {}, bound)
      await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`, {}, bound)
      await pushBlob(REPOSITORY, randomBytes(10))
    })
    expect(points).toMatchObject(
      [
        { blobs: ['GET', '/blobs', '2xx', 'miss', '', REPOSITORY], doubles: [{}, 100, 1, 1, 0, 0] },
        { blobs: ['GET', '/blobs', '2xx', 'hit', '', REPOSITORY], doubles: [{}, 100, 1, 0, 0, 0] },
      ].map((point) => ({ ...point, doubles: [expect.any(Number), ...point.doubles.slice(1)] })),
    )
  })

  it('that is refused is a point too, without an index if it has no repository', async () => {
    await administer('GET', '/account')
    const admin = { Authorization: basic('admin', closed.ADMIN_PASSWORD ?? '') }
    const points = await pointsOf(closed, async (bound) => {
      await send('GET', `/v2/${REPOSITORY}/manifests/latest`, {}, bound)
      await send('GET', '/nowhere', {}, bound)
      await send('GET', '/api/v1/accounts/absent', { headers: admin }, bound)
    })
    expect(points.map(({ indexes, blobs }) => [indexes, blobs])).toEqual([
      [[REPOSITORY], ['GET', '/manifests', '4xx', '', '', REPOSITORY]],
      [[''], ['GET', '/unknown', '4xx', '', '', '']],
      [[''], ['GET', '/api/v1', '4xx', '', 'admin', '']],
    ])
  })

  it('of a long name cuts the index at its limit, and has the whole name in a blob', async () => {
    const long = `points/${'x'.repeat(120)}`
    const [point] = await pointsOf(bindings, (bound) =>
      send('GET', `/v2/${long}/tags/list`, {}, bound),
    )
    expect(point?.indexes).toEqual([long.slice(0, 96)])
    expect(point?.blobs).toContain(long)
  })

  it('is a point even if it is not logged, and none without a dataset', async () => {
    const log = vi.spyOn(console, 'log').mockReturnValue(undefined)
    const quiet = { ...bindings, LOG_REQUESTS: 'false' }
    expect(await pointsOf(quiet, (bound) => send('GET', '/healthz', {}, bound))).toHaveLength(1)
    expect(log).not.toHaveBeenCalled()
  })

  it('is answered even if its point cannot be written', async () => {
    const error = vi.spyOn(console, 'error').mockReturnValue(undefined)
    const ANALYTICS = {
      writeDataPoint: () => {
        throw new TypeError('too long')
      },
    }
    const response = await send('GET', '/healthz', {}, { ...bindings, ANALYTICS })
    expect(response.status).toBe(200)
    expect(String(error.mock.calls[0]?.[0])).toContain('the data point was not written')
  })
})
