/** Grants: the actions that a principal may do on the repositories of a pattern. */
import * as v from 'valibot'
import { time } from '../../lib/schemas.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { Action, Principal } from '../../store/access/grants.ts'
import {
  formatPrincipal,
  listGrants,
  putGrant,
  removeGrant,
  type StoredGrant,
} from '../../store/access/manage-grants.ts'
import { changedBy } from './caller.ts'
import { invalidRequest, NO_CONTENT, operation } from './operation.ts'
import { page } from './pages.ts'
import {
  actions,
  formatTime,
  named,
  pageSize,
  parsePrincipal,
  principal,
  repositoryPattern,
} from './schemas.ts'

const principalGrant = named(
  'PrincipalGrant',
  v.object({ principal, pattern: repositoryPattern, actions, createdAt: time }),
)

export const grants = [
  operation({
    id: 'listGrants',
    method: 'get',
    path: '/grants',
    summary: 'List grants by principal and pattern',
    access: 'admin',
    request: v.object({
      query: v.strictObject({
        principal: v.optional(principal),
        pattern: v.optional(repositoryPattern),
        n: pageSize,
        lastPrincipal: v.optional(principal),
        lastPattern: v.optional(repositoryPattern),
      }),
    }),
    status: 200,
    answer: v.object({ grants: v.array(principalGrant) }),
    async handle({ query }, c) {
      const { n, lastPrincipal, lastPattern, pattern = null } = query
      const principal = query.principal === undefined ? null : parsePrincipal(query.principal)
      const last =
        lastPrincipal === undefined || lastPattern === undefined
          ? null
          : { principal: parsePrincipal(lastPrincipal), pattern: lastPattern }
      const found = await page(
        c,
        n,
        (limit) => listGrants(c.var.db, { principal, pattern, last, limit }),
        ({ principal, pattern }) => ({
          lastPrincipal: formatPrincipal(principal),
          lastPattern: pattern,
        }),
      )
      return { grants: found.map(showGrant) }
    },
  }),

  operation({
    id: 'putGrant',
    method: 'put',
    path: '/grants',
    summary: 'Grant a principal these actions on a pattern, in place of its earlier ones',
    access: 'admin',
    request: v.object({
      body: v.strictObject({ principal, pattern: repositoryPattern, actions }),
    }),
    status: 200,
    answer: principalGrant,
    errors: [404],
    async handle({ body }, c) {
      const grant = { ...body, principal: parsePrincipal(body.principal) }
      refuseAdminForAll(grant.principal, grant.actions)
      const stored = await putGrant(c.var.db, changedBy(c), grant)
      if (stored === null) throw unknown('no such principal', { principal: body.principal })
      return showGrant(stored)
    },
  }),

  operation({
    id: 'deleteGrant',
    method: 'delete',
    path: '/grants',
    summary: 'Remove the grant of a principal on a pattern',
    access: 'admin',
    request: v.object({
      query: v.strictObject({ principal, pattern: repositoryPattern }),
    }),
    status: 204,
    answer: NO_CONTENT,
    errors: [404],
    async handle({ query }, c) {
      const key = { ...query, principal: parsePrincipal(query.principal) }
      if (!(await removeGrant(c.var.db, changedBy(c), key))) throw unknown('no such grant', query)
      return null
    },
  }),
]

/** Making everybody an administrator can only be a mistake. */
function refuseAdminForAll({ kind }: Principal, actions: readonly Action[]): void {
  if ((kind !== 'anonymous' && kind !== 'authenticated') || !actions.includes('admin')) return
  throw invalidRequest([{ field: 'actions', problem: `admin cannot be granted to ${kind}` }])
}

function unknown(message: string, detail: Record<string, string>): RegistryError {
  return new RegistryError('NOT_FOUND', { message, detail })
}

function showGrant({
  principal,
  pattern,
  actions,
  createdAt,
}: StoredGrant): v.InferInput<typeof principalGrant> {
  return {
    principal: formatPrincipal(principal),
    pattern,
    actions: [...actions],
    createdAt: formatTime(createdAt),
  }
}
