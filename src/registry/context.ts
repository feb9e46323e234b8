/** What every use of the registry is given: data and ports. Nothing here knows HTTP. */
import type { EventContext } from '../events/lanes.ts'
import type { ChangedBy } from '../store/audit.ts'
import type { BlobStore } from '../store/blob-store.ts'
import type { Databases } from '../store/database.ts'
import type { EdgeCache } from '../store/edge-cache.ts'
import type { Action } from '../store/grants.ts'

/** Who asks, and by which request. Plain data, which passes RPC. */
export interface By {
  /** The caller's name; '' for anonymous. */
  subject: string
  /** What the caller may do with the context's repository. */
  actions: readonly Action[]
  requestId: string
  /** The client's address; '' where the runtime does not tell. */
  address: string
  /** The host that the request was sent to. */
  host: string
  method: string
  userAgent: string
  /** The registry's own URL, up to `/v2/`, as the client knows it. */
  baseUrl: string
}

/** How tags are read; see read-tag.ts. */
export interface TagReading {
  tagReads: 'primary' | 'replica'
  /** 0 for not at all. */
  tagHoldSeconds: number
}

export interface RegistryContext {
  /** A valid name: the repository that the use is about. */
  repository: string
  databases: Databases
  blobs: BlobStore
  /** Before `blobs`, for pulls. */
  cache: EdgeCache
  events: EventContext
  tagReading: TagReading
  /** Milliseconds since the epoch. */
  clock: () => number
  by: By
  /** Lets work go on after the answer, and when the client leaves. It never throws. */
  keepAlive: (work: Promise<unknown>) => void
}

/** Whether sizes, types and tags of the repository may be told to the caller. */
export function mayPull({ by }: RegistryContext): boolean {
  return by.actions.includes('pull')
}

/** Who makes a change now, for the audit log. */
export function changedBy({ by, clock }: RegistryContext): ChangedBy {
  const { subject, address, requestId } = by
  return { actor: subject, address, requestId, at: clock() }
}

/** The same work, done to its end even when the client leaves: a request alone would be cancelled between two awaits. */
export function lasting<T>({ keepAlive }: RegistryContext, work: Promise<T>): Promise<T> {
  keepAlive(work)
  return work
}
