/** Trust rules in the administration API. The check of an ID token reads them in issuer-rules.ts. */

import type { Database } from '../database/database.ts'
import { runBatch, sql, statements } from '../database/statement.ts'
import { type ChangedBy, noteChange } from './audit.ts'
import type { Grant } from './grants.ts'
import { grantToNew } from './manage-grants.ts'

const RULE = `
  SELECT name, issuer, audience, claims, created_at,
    (SELECT json_group_array(json_object('pattern', pattern, 'actions', json(actions)))
      FROM grants WHERE principal_kind = 'trust' AND principal = trust_rules.name) AS grants
  FROM trust_rules`

const SQL = statements('trust-rules', {
  list: sql<[last: string, limit: number], Row>(`${RULE} WHERE name > ?1 ORDER BY name LIMIT ?2`),
  find: sql<[name: string], Row>(`${RULE} WHERE name = ?1`),
  create: sql<[name: string, issuer: string, audience: string, claims: string, now: number]>(`
    INSERT INTO trust_rules (name, issuer, audience, claims, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING`),
  remove: sql<[name: string]>(`DELETE FROM trust_rules WHERE name = ?1`),
})

export interface NewTrustRule {
  name: string
  issuer: string
  audience: string
  /** Maps a claim's name to the pattern that its text must match. */
  claims: Record<string, string>
  /** Each has another pattern. */
  grants: readonly Grant[]
}

export interface StoredTrustRule extends NewTrustRule {
  /** Milliseconds since the epoch. */
  createdAt: number
}

interface Row {
  name: string
  issuer: string
  audience: string
  claims: string
  created_at: number
  grants: string
}

/** Up to `limit` rules in the order of names, after the name `last` ('' for the beginning). */
export async function listTrustRules(
  db: Database,
  last: string,
  limit: number,
): Promise<StoredTrustRule[]> {
  const { results } = await SQL.list(db, last, limit).all()
  return results.map(ruleOf)
}

export async function findTrustRule(db: Database, name: string): Promise<StoredTrustRule | null> {
  const row = await SQL.find(db, name).first()
  return row && ruleOf(row)
}

/** @returns null if a rule of this name exists */
export async function createTrustRule(
  db: Database,
  by: ChangedBy,
  rule: NewTrustRule,
): Promise<StoredTrustRule | null> {
  const { name, issuer, audience, claims, grants } = rule
  const [created] = await runBatch(db, [
    SQL.create(db, name, issuer, audience, JSON.stringify(claims), by.at),
    noteChange(db, by, {
      action: 'trust-rule.create',
      target: name,
      detail: { issuer, audience, claims, grants: grants.map((grant) => ({ ...grant })) },
    }),
    grantToNew(db, { kind: 'trust', name }, grants, by.at),
  ])
  return created.meta.changes === 0 ? null : { ...rule, createdAt: by.at }
}

/** Removes the rule and its grants. Returns false if the rule does not exist. */
export async function removeTrustRule(db: Database, by: ChangedBy, name: string): Promise<boolean> {
  const [, noted] = await runBatch(db, [
    SQL.remove(db, name),
    noteChange(db, by, { action: 'trust-rule.delete', target: name, detail: {} }),
  ])
  return noted.meta.changes !== 0
}

function ruleOf({ claims, grants, created_at, ...row }: Row): StoredTrustRule {
  return { ...row, claims: JSON.parse(claims), grants: JSON.parse(grants), createdAt: created_at }
}
