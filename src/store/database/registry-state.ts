/**
 * How much the registry holds, and how much waits in it, in one round trip. Triggers keep the totals
 * (migrations/0004_observing.sql). Waiting rows are counted in indexes that hold no other rows. So the cost does not grow with the
 * registry.
 */
import type { Database } from './database.ts'
import { sql, statements } from './statement.ts'

export interface RegistryState {
  repositories: number
  manifests: number
  /** Bytes of all manifests. A manifest counts once for each repository that has it. */
  manifestBytes: number
  tags: number
  blobs: number
  /** Bytes of all blobs. A blob counts once. */
  blobBytes: number
  /** Events that are not settled. */
  events: number
  /** The time of the oldest of them; null if there is none. All times are milliseconds since the epoch. */
  oldestEvent: number | null
  deliveries: number
  /** The first due time of the oldest of them. */
  oldestDelivery: number | null
  /** Dead letters that were not replayed. */
  deadLetters: number
  /** Tombstones whose bytes still exist. */
  tombstones: number
  /** The time from which the first of them is due. */
  firstTombstone: number | null
  collectedAt: number | null
  /** Objects that the last run of the collector removed. */
  collected: number | null
  orphansSweptAt: number | null
  /** Objects that the last run of the orphan sweep buried. */
  orphansBuried: number | null
  /** 1 while the orphan sweep has found too many orphans and waits for the operator. */
  orphanSweepStopped: number
  sweptAt: number | null
  /** Messages that the last sweep of the outbox sent again. */
  swept: number | null
}

// The statement names each index: with misleading statistics the planner would walk through all events by age.
const SQL = statements('registry-state', {
  read: sql<[], RegistryState>(`
    SELECT repositories, manifests, manifest_bytes AS manifestBytes, tags, blobs,
      blob_bytes AS blobBytes, outbox.waiting AS events,
      (SELECT at FROM events WHERE seq = outbox.first) AS oldestEvent,
      pending.waiting AS deliveries, pending.first AS oldestDelivery, dead.letters AS deadLetters,
      graves.waiting AS tombstones, graves.first AS firstTombstone,
      collector.ended_at AS collectedAt, collector.done AS collected,
      orphans.ended_at AS orphansSweptAt, orphans.done AS orphansBuried,
      orphan_sweep.stopped_at IS NOT NULL AS orphanSweepStopped,
      sweep.ended_at AS sweptAt, sweep.done AS swept
    FROM totals,
      (SELECT count(*) AS waiting, min(seq) AS first
        FROM events INDEXED BY events_unsettled WHERE settled_at IS NULL) AS outbox,
      (SELECT count(*) AS waiting, min(first_at) AS first
        FROM deliveries INDEXED BY deliveries_overdue WHERE state = 'pending') AS pending,
      (SELECT count(*) AS letters
        FROM dead_letters INDEXED BY dead_letters_to_replay WHERE replayed_at IS NULL) AS dead,
      (SELECT count(*) AS waiting, min(delete_after) AS first
        FROM tombstones INDEXED BY tombstones_waiting WHERE removed_at IS NULL) AS graves
    LEFT JOIN sweeps AS collector ON collector.name = 'collector'
    LEFT JOIN sweeps AS orphans ON orphans.name = 'orphans'
    LEFT JOIN orphan_sweep ON orphan_sweep.one = 1
    LEFT JOIN sweeps AS sweep ON sweep.name = 'outbox'
    WHERE totals.id = 1`),
  probe: sql<[], unknown>(`SELECT count(*) FROM repositories WHERE id = 0`),
})

/** @throws if the database does not answer or has no schema */
export async function probeDatabase(db: Database): Promise<void> {
  await SQL.probe(db).first()
}

export async function readRegistryState(db: Database): Promise<RegistryState> {
  const state = await SQL.read(db).first()
  if (state === null) throw new Error('the table of totals has lost its row')
  return state
}
