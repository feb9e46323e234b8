/** The audit log: all changes that were made through this API, and failed logins. */
import * as v from 'valibot'
import { integer, time } from '../../lib/schemas.ts'
import { listAudit } from '../../store/access/audit.ts'
import { operation } from './operation.ts'
import { page } from './pages.ts'
import { formatTime, named, pageSize, wholeNumber } from './schemas.ts'

const auditEntry = named(
  'AuditEntry',
  v.object({
    id: integer,
    at: time,
    actor: v.pipe(v.string(), v.description("The caller's subject; empty if the registry is open")),
    address: v.string(),
    requestId: v.string(),
    action: v.pipe(v.string(), v.description('For example account.create')),
    target: v.string(),
    detail: v.unknown(),
  }),
)

export const audit = [
  operation({
    id: 'listAudit',
    method: 'get',
    path: '/audit',
    summary: 'List the changes, the newest first',
    description:
      'Failed logins are listed as login.failed: one entry for each hour, client network and account name, with a count. These entries are kept for 90 days.',
    access: 'admin',
    request: v.object({
      query: v.strictObject({
        n: pageSize,
        before: v.optional(
          v.pipe(
            wholeNumber,
            v.minValue(1),
            v.description('Only entries before the entry with this id'),
          ),
        ),
        actor: v.pipe(
          v.optional(v.pipe(v.string(), v.maxLength(256))),
          v.description('Only changes by this subject'),
        ),
        action: v.pipe(
          v.optional(v.pipe(v.string(), v.maxLength(64))),
          v.description('Only changes with this action, such as account.create'),
        ),
        since: v.pipe(v.optional(time), v.description('Only changes at or after this time')),
        until: v.pipe(v.optional(time), v.description('Only changes before this time')),
      }),
    }),
    status: 200,
    answer: v.object({ entries: v.array(auditEntry) }),
    async handle({ query: { n, before = Number.MAX_SAFE_INTEGER, ...wanted } }, c) {
      const { since, until } = wanted
      const filter = {
        ...wanted,
        since: since === undefined ? since : Date.parse(since),
        until: until === undefined ? until : Date.parse(until),
      }
      const found = await page(
        c,
        n,
        (limit) => listAudit(c.var.db, before, limit, filter),
        ({ id }) => ({ before: id }),
      )
      return { entries: found.map((row) => ({ ...row, at: formatTime(row.at) })) }
    },
  }),
]
