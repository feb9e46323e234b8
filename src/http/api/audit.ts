/** The log of all changes that were made through this API. */
import * as z from 'zod/mini'
import { listAudit } from '../../store/audit.ts'
import { operation } from './operation.ts'
import { page } from './pages.ts'
import { formatTime, pageSize, time } from './schemas.ts'

const auditEntry = z
  .object({
    id: z.int(),
    at: time,
    actor: z.string().check(z.describe("The caller's subject; '' where the registry is open")),
    address: z.string(),
    requestId: z.string(),
    action: z.string().check(z.describe('Such as account.create')),
    target: z.string(),
    detail: z.unknown(),
  })
  .check(z.meta({ id: 'AuditEntry' }))

export const audit = [
  operation({
    id: 'listAudit',
    method: 'get',
    path: '/audit',
    summary: 'List the changes, the newest first',
    access: 'admin',
    request: z.object({
      query: z.strictObject({
        n: pageSize,
        before: z.optional(
          z.coerce.number().check(z.int(), z.minimum(1), z.describe('The id of an entry')),
        ),
      }),
    }),
    status: 200,
    answer: z.object({ entries: z.array(auditEntry) }),
    async handle({ query: { n, before = Number.MAX_SAFE_INTEGER } }, c) {
      const found = await page(
        c,
        n,
        (limit) => listAudit(c.var.db, before, limit),
        ({ id }) => ({ before: id }),
      )
      return { entries: found.map((row) => ({ ...row, at: formatTime(row.at) })) }
    },
  }),
]
