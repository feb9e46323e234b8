/** GET /metrics: what the registry holds and what waits in it, for Prometheus. */

import { version } from '../../package.json'
import { formatGauges, type Gauge, PROMETHEUS_TYPE } from '../lib/prometheus.ts'
import { type RegistryState, readRegistryState } from '../store/database/registry-state.ts'
import { factory } from './middleware/context.ts'
import { allow } from './middleware/guard.ts'

const administrator = allow('admin')

/** Administrators, and whoever has METRICS_TOKEN: a scraper needs no right to anything else. */
const scraper = factory.createMiddleware(async function guard(c, next) {
  const { metricsToken } = c.get('settings')
  const token = /^bearer ([^ ]+)$/i.exec(c.req.header('Authorization') ?? '')?.[1]
  if (metricsToken === null || token === undefined || !(await isSame(token, metricsToken))) {
    return administrator(c, next)
  }
  await next()
})

export const metrics = factory.createApp().get('/', scraper, async (c) => {
  const state = await readRegistryState(c.get('db'))
  return c.body(formatGauges(gaugesOf(state, Date.now())), 200, {
    'Content-Type': PROMETHEUS_TYPE,
    'Cache-Control': 'no-store',
  })
})

function gaugesOf(state: RegistryState, now: number): Gauge[] {
  const gauge = (name: string, value: number, help: string): Gauge => ({
    name: `berth_${name}`,
    value,
    help,
  })
  return [
    { ...gauge('build_info', 1, 'The version that runs.'), labels: { version } },
    gauge('repositories', state.repositories, 'Repositories.'),
    gauge('manifests', state.manifests, 'Manifests, in each repository that has them.'),
    gauge('manifest_bytes', state.manifestBytes, 'Bytes of these manifests.'),
    gauge('tags', state.tags, 'Tags.'),
    gauge('blobs', state.blobs, 'Blobs, each once for all repositories.'),
    gauge('blob_bytes', state.blobBytes, 'Bytes of these blobs.'),
    gauge('outbox_events', state.events, 'Events that are not announced yet.'),
    gauge(
      'outbox_oldest_event_age_seconds',
      age(state.oldestEvent, now),
      'Time since the oldest event that is not announced yet; 0 where there is none.',
    ),
    gauge('deliveries_pending', state.deliveries, 'Deliveries to webhooks that are to be tried.'),
    gauge(
      'deliveries_oldest_pending_age_seconds',
      age(state.oldestDelivery, now),
      'Time since the oldest pending delivery was due at first; 0 where there is none.',
    ),
    gauge('dead_letters', state.deadLetters, 'Deliveries that were given up and not replayed.'),
    gauge('tombstones', state.tombstones, 'Deleted objects whose bytes wait to be collected.'),
    gauge(
      'tombstones_overdue_seconds',
      age(state.firstTombstone, now),
      'Time since the first of them could have been collected; 0 where none could.',
    ),
    gauge(
      'collector_last_run_timestamp_seconds',
      seconds(state.collectedAt),
      'When the hourly collector came to its end the last time; 0 where it has not run yet.',
    ),
    gauge('collector_last_run_removed', state.collected ?? 0, 'Objects that this run removed.'),
    gauge(
      'orphan_sweep_last_run_timestamp_seconds',
      seconds(state.orphansSweptAt),
      'When the hourly orphan sweep came to its end the last time; 0 where it has not run yet.',
    ),
    gauge(
      'orphan_sweep_last_run_buried',
      state.orphansBuried ?? 0,
      'Objects that this run buried.',
    ),
    gauge(
      'orphan_sweep_stopped',
      state.orphanSweepStopped,
      '1 while the orphan sweep has found too many orphans and waits for the operator.',
    ),
    gauge(
      'outbox_sweep_last_run_timestamp_seconds',
      seconds(state.sweptAt),
      'When the sweep of the outbox, every minute, came to its end the last time; 0 where it has not run yet.',
    ),
    gauge('outbox_sweep_last_run_resent', state.swept ?? 0, 'Messages that this run sent again.'),
  ]
}

/** Seconds from a time that may be in the future, or none. */
function age(time: number | null, now: number): number {
  return time === null ? 0 : Math.max(0, (now - time) / 1000)
}

/** 0 where it never was: an alert cannot tell a missing sample from one that is fine. */
function seconds(time: number | null): number {
  return (time ?? 0) / 1000
}

/** Compares hashes, so that neither the time nor a length tells how much was right. */
async function isSame(one: string, other: string): Promise<boolean> {
  const [given, wanted] = await Promise.all([sha256(one), sha256(other)])
  return crypto.subtle.timingSafeEqual(given, wanted)
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
}
