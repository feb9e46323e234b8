/** The context of every use of the registry: data and ports, without HTTP. */
import type { EventContext } from '../events/delivery/lanes.ts'
import type { ChangedBy } from '../store/access/audit.ts'
import type { Action } from '../store/access/grants.ts'
import type { BlobStore } from '../store/bytes/blob-store.ts'
import type { EdgeCache } from '../store/bytes/edge-cache.ts'
import type { Databases } from '../store/database/database.ts'
import type { Policy } from './policy.ts'

/** The caller and its request. Plain data, which can pass RPC. */
export interface By {
  /** The caller's name; '' for anonymous. */
  subject: string
  /** The caller's rights on the context's repository. */
  actions: readonly Action[]
  requestId: string
  /** The client's address; '' where the runtime does not provide it. */
  address: string
  /** The host that the request was sent to. */
  host: string
  method: string
  userAgent: string
  /** The registry's own URL before `/v2/`, as the client sees it. */
  baseUrl: string
}

/** How tags are read; see tags.ts. */
export interface TagReading {
  tagReads: 'primary' | 'replica'
  /** 0 disables holding. */
  tagHoldSeconds: number
}

export interface RegistryContext {
  /** A valid name: the repository of the use. */
  repository: string
  databases: Databases
  blobs: BlobStore
  /** A cache in front of `blobs`, for pulls. */
  cache: EdgeCache
  events: EventContext
  tagReading: TagReading
  /** Null without a policy. */
  policy: Policy | null
  /** Milliseconds since the epoch. */
  clock: () => number
  by: By
  /** Lets work continue after the answer, and after the client disconnects. Never throws. */
  keepAlive: (work: Promise<unknown>) => void
}

/** Whether the caller may learn sizes, types and tags of the repository. */
export function mayPull({ by }: RegistryContext): boolean {
  return by.actions.includes('pull')
}

/** The actor and time of a change, for the audit log. */
export function changedBy({ by, clock }: RegistryContext): ChangedBy {
  const { subject, address, requestId } = by
  return { actor: subject, address, requestId, at: clock() }
}

/** Completes the work even if the client disconnects: the runtime would cancel the request between two awaits. */
export function lasting<T>({ keepAlive }: RegistryContext, work: Promise<T>): Promise<T> {
  keepAlive(work)
  return work
}
