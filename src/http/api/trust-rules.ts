/** Trust rules: which ID tokens are accepted as credentials, and what they are granted. */
import * as v from 'valibot'
import { claimConditionProblem } from '../../auth/federation/claim-conditions.ts'
import { issuerProblem } from '../../auth/federation/issuer-keys.ts'
import { plainObject, time } from '../../lib/schemas.ts'
import { RegistryError } from '../../oci/errors.ts'
import { mergeGrants } from '../../store/access/manage-grants.ts'
import {
  createTrustRule,
  findTrustRule,
  listTrustRules,
  removeTrustRule,
  type StoredTrustRule,
} from '../../store/access/trust-rules.ts'
import { changedBy } from './caller.ts'
import { invalidRequest, NO_CONTENT, operation } from './operation.ts'
import { page } from './pages.ts'
import { formatTime, grant, grants, named, pageSize, ruleName } from './schemas.ts'

const issuer = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(512),
  v.description('The `iss` of the tokens, such as https://token.actions.githubusercontent.com'),
)
const audience = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(255),
  v.description('The `aud` of the tokens'),
)
const claims = v.pipe(
  plainObject(),
  v.record(v.string(), v.string()),
  v.description(
    'Conditions on claims, by the name of the claim. Every claim must match its text, in which ' +
      '"*" stands for any characters',
  ),
)

const trustRule = named(
  'TrustRule',
  v.object({ name: ruleName, issuer, audience, claims, grants: v.array(grant), createdAt: time }),
)

const byName = v.strictObject({ name: ruleName })

export const trustRules = [
  operation({
    id: 'listTrustRules',
    method: 'get',
    path: '/trust-rules',
    summary: 'List the trust rules by name',
    access: 'admin',
    request: v.object({ query: v.strictObject({ n: pageSize, last: v.optional(ruleName) }) }),
    status: 200,
    answer: v.object({ trustRules: v.array(trustRule) }),
    async handle({ query: { n, last = '' } }, c) {
      const found = await page(
        c,
        n,
        (limit) => listTrustRules(c.var.db, last, limit),
        ({ name }) => ({ last: name }),
      )
      return { trustRules: found.map(showTrustRule) }
    },
  }),

  operation({
    id: 'createTrustRule',
    method: 'post',
    path: '/trust-rules',
    summary: 'Create a trust rule, optionally with grants',
    description:
      'Its grants can be changed later, as grants of the principal trust:<name>. Nothing else can.',
    access: 'admin',
    request: v.object({
      body: v.strictObject({
        name: ruleName,
        issuer,
        audience,
        claims,
        grants: v.optional(grants),
      }),
    }),
    status: 201,
    answer: trustRule,
    errors: [409],
    async handle({ body: { name, issuer, audience, claims, grants = [] } }, c) {
      refuseRule('issuer', issuerProblem(issuer, c.var.settings.allowLoopback))
      refuseRule('claims', claimConditionProblem(claims))
      const asked = { name, issuer, audience, claims, grants: mergeGrants(grants) }
      const created = await createTrustRule(c.var.db, changedBy(c), asked)
      if (created !== null) return showTrustRule(created)
      throw new RegistryError('CONFLICT', {
        message: `a trust rule named ${name} already exists`,
        detail: { name },
      })
    },
  }),

  operation({
    id: 'getTrustRule',
    method: 'get',
    path: '/trust-rules/{name}',
    summary: 'Get a trust rule with its grants',
    access: 'admin',
    request: v.object({ params: byName }),
    status: 200,
    answer: trustRule,
    errors: [404],
    async handle({ params: { name } }, c) {
      const found = await findTrustRule(c.var.db, name)
      if (found === null) throw unknownRule(name)
      return showTrustRule(found)
    },
  }),

  operation({
    id: 'deleteTrustRule',
    method: 'delete',
    path: '/trust-rules/{name}',
    summary: 'Delete a trust rule with its grants',
    access: 'admin',
    request: v.object({ params: byName }),
    status: 204,
    answer: NO_CONTENT,
    errors: [404],
    async handle({ params: { name } }, c) {
      if (!(await removeTrustRule(c.var.db, changedBy(c), name))) throw unknownRule(name)
      return null
    },
  }),
]

function refuseRule(field: string, problem: string | null): void {
  if (problem !== null) throw invalidRequest([{ field, problem }])
}

function unknownRule(name: string): RegistryError {
  return new RegistryError('NOT_FOUND', { message: 'no such trust rule', detail: { name } })
}

function showTrustRule({
  grants,
  createdAt,
  ...rule
}: StoredTrustRule): v.InferInput<typeof trustRule> {
  return {
    ...rule,
    grants: grants.map(({ pattern, actions }) => ({ pattern, actions: [...actions] })),
    createdAt: formatTime(createdAt),
  }
}
