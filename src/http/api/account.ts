/** Tells callers about themselves. */
import * as v from 'valibot'
import { isAdministrator } from './caller.ts'
import { operation } from './operation.ts'
import { named, repositoryPattern } from './schemas.ts'

const callerAccount = named(
  'Caller',
  v.object({
    subject: v.pipe(v.string(), v.description('An account, or <account>/<token>')),
    kind: v.picklist([
      'open',
      'admin',
      'account',
      'htpasswd',
      'token',
      'trust',
      'embedded',
      'anonymous',
    ]),
    isAdministrator: v.boolean(),
    pullable: v.pipe(
      v.nullable(v.array(repositoryPattern)),
      v.description('The repositories that the caller may pull from; null means all'),
    ),
  }),
)

export const account = [
  operation({
    id: 'getCaller',
    method: 'get',
    path: '/account',
    summary: 'Tell who the caller is',
    access: 'signed-in',
    request: v.object({}),
    status: 200,
    answer: callerAccount,
    async handle(_, c) {
      const { subject, identity, visible } = c.var.caller
      const kind: v.InferInput<typeof callerAccount>['kind'] = identity?.kind ?? 'open'
      return {
        subject,
        kind,
        isAdministrator: isAdministrator(c),
        pullable: visible && [...visible],
      }
    },
  }),
]
