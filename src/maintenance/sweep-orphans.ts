/**
 * The orphan sweep buries objects that neither a row nor a tombstone names, left by a crash or a lost answer. Keys contain the day
 * on which their upload began. Each day is scanned twice: two days later, when single writes are old enough, and nine days later,
 * when uploads that took seven days are. The scans of a date begin when that date is over, so that all objects of these days are
 * old enough.
 */
import { logError } from '../lib/log.ts'
import { type BlobStore, dayPrefix } from '../store/bytes/blob-store.ts'
import {
  buryOrphans,
  findOrphans,
  noteStopped,
  type OrphanSweep,
  readOrphanSweep,
  type SweepPosition,
} from '../store/bytes/orphan-sweep.ts'
import type { Database } from '../store/database/database.ts'
import { beginEpoch } from './epoch.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Younger objects, by R2's upload time, may still be committed. */
export const ORPHAN_AGE_MS = 2 * DAY_MS

/** Orphans stay buried this long, which leaves time to notice a mistake. */
export const ORPHAN_GRACE_MS = 7 * DAY_MS

/**
 * A page is 1,000 objects and three calls. All hourly jobs together make fewer than 50 calls, the Free plan's limit per invocation.
 * Each object is scanned twice, so the sweep keeps up with 72,000 new objects a day.
 */
const PAGES_AT_MOST = 6

/** Up to this many orphans of one day are never suspicious. More are, if they exceed one percent of the objects. */
const UNSUSPICIOUS_ORPHANS = 100
const SUSPICIOUS_SHARE = 0.01

/** The scans of a date, in order. */
const LOOKS = [
  { daysBefore: 2, kind: 'blobs' },
  { daysBefore: 2, kind: 'manifests' },
  { daysBefore: 9, kind: 'blobs' },
  { daysBefore: 9, kind: 'manifests' },
] as const

/** Continues where the last run ended, including missed dates. Returns how many objects it buried. */
export async function sweepOrphans(db: Database, store: BlobStore, now: number): Promise<number> {
  if (!(await beginEpoch(db, store, now))) return 0
  let sweep = await readOrphanSweep(db)
  let buried = 0
  for (let page = 0; page < PAGES_AT_MOST; page++) {
    sweep = { ...sweep, ...skipEarlyDays(sweep) }
    if (sweep.runDate >= dateOf(now)) break
    const { orphans, next } = await lookAtPage(db, store, sweep, now)
    if (next === null) {
      await noteStopped(db, now)
      break
    }
    await buryOrphans(db, orphans, now + ORPHAN_GRACE_MS, next)
    buried += orphans.length
    sweep = { ...sweep, ...next }
  }
  return buried
}

interface Page {
  orphans: string[]
  /** Where the sweep continues; null if it must stop. */
  next: SweepPosition | null
}

async function lookAtPage(
  db: Database,
  store: BlobStore,
  sweep: OrphanSweep,
  now: number,
): Promise<Page> {
  const { day, kind } = lookOf(sweep)
  const page = await store.list(dayPrefix(sweep.registryId, kind, day), sweep.lastKey)
  const old = page.objects.filter(({ uploaded }) => uploaded + ORPHAN_AGE_MS < now)
  const keys = old.map(({ key }) => key)
  const orphans = keys.length === 0 ? [] : await findOrphans(db, keys)
  const counts = {
    seen: sweep.seen + page.objects.length,
    orphans: sweep.orphans + orphans.length,
  }
  if (isSuspicious(counts) && sweep.allowedDay !== day) {
    logError({ message: 'too many orphans: the orphan sweep has stopped', day, ...counts })
    return { orphans, next: null }
  }
  const lastKey = page.objects.at(-1)?.key ?? sweep.lastKey
  const next = page.more ? { ...sweep, ...counts, lastKey } : following({ ...sweep, ...counts })
  return { orphans, next }
}

/** So many orphans mean that rows are lost or incomplete, rather than that the objects are garbage. */
function isSuspicious({ seen, orphans }: Pick<SweepPosition, 'seen' | 'orphans'>): boolean {
  return orphans > UNSUSPICIOUS_ORPHANS && orphans > seen * SUSPICIOUS_SHARE
}

function lookOf({ runDate, look }: SweepPosition) {
  const { daysBefore, kind } = LOOKS[look] ?? LOOKS[0]
  return { day: dateOf(Date.parse(runDate) - daysBefore * DAY_MS), kind }
}

/** The start of the next scan. The objects of both kinds of a day are counted together. */
function following(position: SweepPosition): SweepPosition {
  const { runDate, look } = position
  const isLast = look === LOOKS.length - 1
  const next = isLast
    ? { ...position, lastKey: '', look: 0, runDate: dateOf(Date.parse(runDate) + DAY_MS) }
    : { ...position, lastKey: '', look: look + 1 }
  const isSameDay = lookOf(next).day === lookOf(position).day
  return isSameDay ? next : { ...next, seen: 0, orphans: 0 }
}

/** Skips scans of days before the registry took its id: no key with this id has such a day. */
function skipEarlyDays(sweep: OrphanSweep): SweepPosition {
  const first = dateOf(sweep.since)
  let position: SweepPosition = sweep
  while (lookOf(position).day < first) position = following(position)
  return position
}

function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}
