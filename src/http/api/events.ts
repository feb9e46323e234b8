/** The feed of events, for consumers that poll: events of the repositories that the caller may pull from. */
import type { Context } from 'hono'
import * as v from 'valibot'
import { EVENT_ACTIONS, type RegistryEvent } from '../../events/model/event.ts'
import { storedEvent } from '../../events/model/messages.ts'
import { wireEvent } from '../../events/model/wire-event.ts'
import { nextLink } from '../../lib/pagination.ts'
import { matchesPattern } from '../../lib/repository-pattern.ts'
import { integer, time } from '../../lib/schemas.ts'
import { type EventSubject, readEvents, scanEvents } from '../../store/events/event-feed.ts'
import type { AppEnv } from '../middleware/context.ts'
import { prefixedPath } from '../middleware/locations.ts'
import { openCursor, sealCursor } from './event-cursor.ts'
import { operation } from './operation.ts'
import { named, PAGE_DEFAULT, pageSize, repositoryName, repositoryPattern } from './schemas.ts'

/** The most rows that one request reads, including those that the caller may not see. */
const SCANNED_MAX = 1000

const cursor = v.pipe(v.string(), v.maxLength(100))

const action = v.picklist(EVENT_ACTIONS)

const event = named(
  'Event',
  v.object({
    id: v.string(),
    timestamp: time,
    action,
    target: v.object({
      mediaType: v.optional(v.string()),
      size: v.optional(integer),
      digest: v.optional(v.string()),
      length: v.optional(integer),
      repository: repositoryName,
      fromRepository: v.pipe(
        v.optional(repositoryName),
        v.description('For a mount, if the caller may also pull from that repository'),
      ),
      url: v.optional(v.string()),
      tag: v.optional(v.string()),
    }),
    request: v.object({
      id: v.string(),
      addr: v.optional(v.string()),
      host: v.optional(v.string()),
      method: v.string(),
      useragent: v.string(),
    }),
    actor: v.object({ name: v.optional(v.string()) }),
    source: v.object({ addr: v.optional(v.string()), instanceID: v.optional(v.string()) }),
  }),
)

export const events = [
  operation({
    id: 'listEvents',
    method: 'get',
    path: '/events',
    summary: 'List the events of the repositories that the caller may pull from, the oldest first',
    description:
      'Pushes, mounts and deletes, in the form of docker/distribution’s notifications. Without `since` ' +
      'the list begins at the oldest event. Events are kept for EVENT_DAYS days, 7 by default. Send ' +
      '`next` as `since` to continue, now or later. `next` also skips events that the caller may not ' +
      'see, so a page may have few events or none; a Link header then says that there is more to read. ' +
      'The actor, the address and the user agent are shown only to callers with admin on the repository.',
    access: 'signed-in',
    request: v.object({
      query: v.strictObject({
        since: v.pipe(
          v.optional(cursor),
          v.description('`next` of the previous page; the events after it are listed'),
        ),
        n: pageSize,
        action: v.pipe(
          v.optional(action),
          v.description('Only events with this action; pulls are not kept'),
        ),
        repository: v.optional(repositoryPattern),
      }),
    }),
    status: 200,
    answer: v.object({
      events: v.array(event),
      next: v.pipe(v.string(), v.description('An opaque cursor')),
    }),
    async handle({ query: { since, n = PAGE_DEFAULT, ...wanted } }, c) {
      const start = since === undefined ? 0 : await openCursor(c.var.db, since)
      const scanned = await scanEvents(c.var.db, start, SCANNED_MAX)
      const shown = scanned.filter((one) => mayPull(c, one.repository) && isWanted(one, wanted))
      const page = shown.slice(0, n)
      const last = shown.length > n ? page.at(-1) : scanned.at(-1)
      const next = await sealCursor(c.var.db, last?.seq ?? start)
      if (shown.length > n || scanned.length === SCANNED_MAX) linkTo(c, next, n)
      const found = await readEvents(
        c.var.db,
        page.map(({ seq }) => seq),
      )
      return { events: found.flatMap((json) => showEvent(c, storedEvent(json))), next }
    },
  }),
]

interface Wanted {
  action?: string | undefined
  repository?: string | undefined
}

/**
 * Filters only events that the caller may see, and not in SQL: otherwise the position of the cursor would reveal how many hidden events an
 * action or a repository has.
 */
function isWanted({ action, repository }: EventSubject, wanted: Wanted): boolean {
  return (
    (wanted.action === undefined || wanted.action === action) &&
    (wanted.repository === undefined || matchesPattern(wanted.repository, repository))
  )
}

function mayPull(c: Context<AppEnv>, repository: string): boolean {
  return c.var.caller.rights.on(repository).has('pull')
}

function linkTo(c: Context<AppEnv>, since: string, n: number): void {
  const path = prefixedPath(c.var.settings, c.req.path)
  c.header('Link', nextLink(path, { ...c.req.query(), n, since }))
}

/** Omits an event that cannot be read: an error would stop every reader at its position. */
function showEvent(
  c: Context<AppEnv>,
  stored: RegistryEvent | null,
): v.InferOutput<typeof event>[] {
  if (stored === null) return []
  const wire = wireEvent(forCaller(c, stored), { references: false })
  const read = v.safeParse(event, wire)
  return read.success ? [read.output] : []
}

/** Removes the fields that the caller has no right to see. */
function forCaller(c: Context<AppEnv>, stored: RegistryEvent): RegistryEvent {
  const { fromRepository, ...target } = stored.target
  const shown = fromRepository !== undefined && mayPull(c, fromRepository) ? stored.target : target
  if (c.var.caller.rights.on(target.repository).has('admin')) return { ...stored, target: shown }
  const request = { ...stored.request, addr: '', useragent: '' }
  return { ...stored, target: shown, request, actor: {} }
}
