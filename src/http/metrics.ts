/** GET /metrics: the content of the registry and the work that waits in it, for Prometheus. */

import { version } from '../../package.json'
import { formatGauges, type Gauge, PROMETHEUS_TYPE } from '../lib/prometheus.ts'
import { type RegistryState, readRegistryState } from '../store/database/registry-state.ts'
import { factory } from './middleware/context.ts'
import { allow } from './middleware/guard.ts'

const administrator = allow('admin')

/** Admits administrators, and callers with METRICS_TOKEN: a scraper needs no other right. */
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
    { ...gauge('build_info', 1, 'The running version.'), labels: { version } },
    gauge('repositories', state.repositories, 'Repositories.'),
    gauge(
      'manifests',
      state.manifests,
      'Manifests, counted once for each repository that has them.',
    ),
    gauge('manifest_bytes', state.manifestBytes, 'Bytes of these manifests.'),
    gauge('tags', state.tags, 'Tags.'),
    gauge('blobs', state.blobs, 'Blobs, counted once for all repositories.'),
    gauge('blob_bytes', state.blobBytes, 'Bytes of these blobs.'),
    gauge('outbox_events', state.events, 'Events that are not announced yet.'),
    gauge(
      'outbox_oldest_event_age_seconds',
      age(state.oldestEvent, now),
      'Age of the oldest event that is not announced yet; 0 if there is none.',
    ),
    gauge(
      'deliveries_pending',
      state.deliveries,
      'Deliveries to webhooks that wait for an attempt.',
    ),
    gauge(
      'deliveries_oldest_pending_age_seconds',
      age(state.oldestDelivery, now),
      'Time since the oldest pending delivery was first due; 0 if there is none.',
    ),
    gauge(
      'dead_letters',
      state.deadLetters,
      'Dead letters: deliveries that were given up and not replayed.',
    ),
    gauge('tombstones', state.tombstones, 'Deleted objects whose bytes wait for the collector.'),
    gauge(
      'tombstones_overdue_seconds',
      age(state.firstTombstone, now),
      'Time since the first tombstone could have been collected; 0 if none could.',
    ),
    gauge(
      'collector_last_run_timestamp_seconds',
      seconds(state.collectedAt),
      'When the hourly collector last finished; 0 if it has not run yet.',
    ),
    gauge(
      'collector_last_run_removed',
      state.collected ?? 0,
      'Objects that the last run of the collector removed.',
    ),
    gauge(
      'orphan_sweep_last_run_timestamp_seconds',
      seconds(state.orphansSweptAt),
      'When the hourly orphan sweep last finished; 0 if it has not run yet.',
    ),
    gauge(
      'orphan_sweep_last_run_buried',
      state.orphansBuried ?? 0,
      'Objects that the last orphan sweep gave a tombstone.',
    ),
    gauge(
      'orphan_sweep_stopped',
      state.orphanSweepStopped,
      '1 if the orphan sweep found too many orphans and waits for the operator.',
    ),
    gauge(
      'outbox_sweep_last_run_timestamp_seconds',
      seconds(state.sweptAt),
      'When the sweep of the outbox (every minute) last finished; 0 if it has not run yet.',
    ),
    gauge(
      'outbox_sweep_last_run_resent',
      state.swept ?? 0,
      'Messages that the last sweep of the outbox sent again.',
    ),
  ]
}

/** Seconds since a time; 0 if it is in the future or null. */
function age(time: number | null, now: number): number {
  return time === null ? 0 : Math.max(0, (now - time) / 1000)
}

/** 0 if there is no time: an alert cannot tell a missing sample from a good one. */
function seconds(time: number | null): number {
  return (time ?? 0) / 1000
}

/** Compares hashes, so that neither the time nor the length reveals how much of the token was right. */
async function isSame(one: string, other: string): Promise<boolean> {
  const [given, wanted] = await Promise.all([sha256(one), sha256(other)])
  return crypto.subtle.timingSafeEqual(given, wanted)
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
}
