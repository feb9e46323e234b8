/** The trust rules of one issuer, which decide whether an ID token is accepted. The administration API changes them. */
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'
import type { Grant } from './grants.ts'

export interface TrustRule {
  name: string
  audience: string
  /** JSON text. */
  claims: string
  grants: Grant[]
}

export interface IssuerRules {
  rules: TrustRule[]
  /** The grants of everybody; empty if the issuer has no rules. */
  anonymous: Grant[]
}

interface Row {
  /** Null for a grant to everybody. */
  rule: string | null
  audience: string
  claims: string
  /** Null for a rule without grants. */
  pattern: string | null
  /** A JSON array. */
  actions: string
}

const SQL = statements('issuer-rules', {
  rules: sql<[issuer: string], Row>(`
    SELECT trust_rules.name AS rule, audience, claims, pattern, actions
    FROM trust_rules
    LEFT JOIN grants ON principal_kind = 'trust' AND principal = trust_rules.name
    WHERE issuer = ?1
    UNION ALL
    SELECT NULL, '', '', pattern, actions
    FROM grants
    WHERE principal_kind = 'anonymous' AND EXISTS (SELECT 1 FROM trust_rules WHERE issuer = ?1)`),
})

/** Reads all in one query. `issuer` must match exactly. */
export async function rulesOfIssuer(db: Database, issuer: string): Promise<IssuerRules> {
  const { results } = await SQL.rules(db, issuer).all()
  const rules = new Map<string, TrustRule>()
  const anonymous: Grant[] = []
  for (const { rule: name, audience, claims, pattern, actions } of results) {
    const granted = pattern === null ? [] : [{ pattern, actions: JSON.parse(actions) }]
    if (name === null) {
      anonymous.push(...granted)
      continue
    }
    const rule = rules.get(name) ?? { name, audience, claims, grants: [] }
    rules.set(name, rule)
    rule.grants.push(...granted)
  }
  return { rules: [...rules.values()], anonymous }
}
