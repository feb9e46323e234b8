/** Announcements of changes: what is queued, and what the consumer makes of a batch. */
import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { RegistryEvent } from '../../src/events/event.ts'
import { bindings, type PushedImage, pushImage, send } from '../support/registry.ts'
import worker from '../support/worker.ts'

const REPOSITORY = 'events/app'

/** The events that `work` queued. */
async function announced(work: () => Promise<unknown>): Promise<RegistryEvent[]> {
  queued.length = 0
  await work()
  return queued
}

const queued: RegistryEvent[] = []
const observed = {
  ...bindings,
  EVENTS: {
    ...bindings.EVENTS,
    send: async (event: RegistryEvent) => {
      queued.push(event)
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
    },
  },
}

function sendObserved(method: string, path: string, init: RequestInit = {}) {
  return send(method, path, init, observed)
}

describe('a change is announced', () => {
  it.each<[string, (image: PushedImage) => Promise<Response>, object]>([
    [
      'mount',
      ({ layer }) =>
        sendObserved(
          'POST',
          `/v2/events/other/blobs/uploads/?mount=${layer.digest}&from=${REPOSITORY}`,
        ),
      { action: 'mount', target: { repository: 'events/other', fromRepository: REPOSITORY } },
    ],
    [
      'push of a manifest',
      ({ bytes }) =>
        sendObserved('PUT', `/v2/${REPOSITORY}/manifests/again`, {
          body: bytes,
          headers: { 'User-Agent': 'test/1' },
        }),
      {
        action: 'push',
        target: { repository: REPOSITORY, tag: 'again' },
        request: { method: 'PUT', useragent: 'test/1', host: 'registry.test' },
        actor: {},
      },
    ],
    [
      'push of a manifest whose tag is named twice',
      ({ bytes }) =>
        sendObserved('PUT', `/v2/${REPOSITORY}/manifests/twice?tag=twice`, { body: bytes }),
      { action: 'push', target: { repository: REPOSITORY, tag: 'twice' } },
    ],
    [
      'delete of a tag',
      () => sendObserved('DELETE', `/v2/${REPOSITORY}/manifests/latest`),
      { action: 'delete', target: { repository: REPOSITORY, tag: 'latest' } },
    ],
    [
      'delete of a manifest',
      ({ digest }) => sendObserved('DELETE', `/v2/${REPOSITORY}/manifests/${digest}`),
      { action: 'delete', target: { repository: REPOSITORY } },
    ],
  ])('%s', async (_, change, expected) => {
    const image = await pushImage(REPOSITORY, 'latest')
    const events = await announced(async () => {
      const response = await change(image)
      expect(response.ok).toBe(true)
    })
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject(expected)
  })

  it('but a failing one is not', async () => {
    const events = await announced(() =>
      sendObserved('DELETE', `/v2/${REPOSITORY}/manifests/no-such-tag`),
    )
    expect(events).toEqual([])
  })

  it('and a queue that is away fails no push', async () => {
    const away = { ...bindings.EVENTS, send: () => Promise.reject(new Error('queue is away')) }
    const response = await send(
      'POST',
      `/v2/${REPOSITORY}/blobs/uploads/?digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`,
      {},
      { ...bindings, EVENTS: away },
    )
    expect(response.status).toBe(201)
  })
})

describe('the consumer', () => {
  it('logs each event and acknowledges each message, also one that is no event', async () => {
    const log = vi.spyOn(console, 'log').mockReturnValue(undefined)
    const event = { id: 'e1', action: 'push', target: { repository: 'a' } }
    const messages = [event, 'poison'].map((body, index) => ({
      id: String(index),
      timestamp: new Date(0),
      attempts: 1,
      body,
    }))
    const batch = createMessageBatch('berth-events', messages)
    const ctx = createExecutionContext()
    await worker.queue(batch)
    const result = await getQueueResult(batch, ctx)
    expect(result.explicitAcks).toEqual(['0', '1'])
    expect(log).toHaveBeenCalledWith(JSON.stringify({ message: 'registry event', event }))
  })
})
