/** What the caller is told about itself. */
import * as z from 'zod/mini'
import { isAdministrator } from './caller.ts'
import { operation } from './operation.ts'
import { repositoryPattern } from './schemas.ts'

const callerAccount = z
  .object({
    subject: z.string().check(z.describe('An account, or <account>/<token>')),
    kind: z.enum(['open', 'admin', 'account', 'htpasswd', 'token', 'trust', 'anonymous']),
    isAdministrator: z.boolean(),
    pullable: z
      .nullable(z.array(repositoryPattern))
      .check(z.describe('The repositories that it may pull from; null: all')),
  })
  .check(z.meta({ id: 'Caller' }))

export const account = [
  operation({
    id: 'getCaller',
    method: 'get',
    path: '/account',
    summary: 'Tell who the caller is',
    access: 'signed-in',
    request: z.object({}),
    status: 200,
    answer: callerAccount,
    async handle(_, c) {
      const { subject, identity, visible } = c.var.caller
      const kind: z.input<typeof callerAccount>['kind'] = identity?.kind ?? 'open'
      return {
        subject,
        kind,
        isAdministrator: isAdministrator(c),
        pullable: visible && [...visible],
      }
    },
  }),
]
