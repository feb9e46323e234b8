/** Grants in the administration API. Logins read them in credentials.ts. */

import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import type { Database } from '../database/database.ts'
import { type Query, runBatch, sql, statements } from '../database/statement.ts'
import { type ChangedBy, noteChange } from './audit.ts'
import { ACTIONS, type Action, type Grant, type Principal, type PrincipalKind } from './grants.ts'

type GrantKey = [kind: PrincipalKind, principal: string, pattern: RepositoryPattern]

/** The first three values are the key of the grant before the page. `only` is the pattern of all grants wanted; null for any. */
type GrantPage = [
  kind: string,
  principal: string,
  after: string,
  limit: number,
  only: string | null,
]

const GRANT = `SELECT principal_kind, principal, pattern, actions, created_at FROM grants`

const SQL = statements('manage-grants', {
  list: sql<GrantPage, Row>(`
    ${GRANT}
    WHERE (principal_kind, principal, pattern) > (?1, ?2, ?3)
      AND (?5 IS NULL OR pattern = ?5)
    ORDER BY principal_kind, principal, pattern LIMIT ?4`),
  listOfPrincipal: sql<GrantPage, Row>(`
    ${GRANT}
    WHERE principal_kind = ?1 AND principal = ?2 AND pattern > ?3
      AND (?5 IS NULL OR pattern = ?5)
    ORDER BY pattern LIMIT ?4`),
  find: sql<[...grant: GrantKey], Row>(
    `${GRANT} WHERE principal_kind = ?1 AND principal = ?2 AND pattern = ?3`,
  ),
  put: sql<[...grant: GrantKey, actions: string, now: number]>(`
    INSERT INTO grants (principal_kind, principal, pattern, actions, created_at)
    SELECT ?1, ?2, ?3, ?4, ?5 WHERE CASE ?1
      WHEN 'account' THEN EXISTS (SELECT 1 FROM accounts WHERE name = ?2)
      WHEN 'token' THEN EXISTS (SELECT 1 FROM access_tokens WHERE id = ?2)
      WHEN 'trust' THEN EXISTS (SELECT 1 FROM trust_rules WHERE name = ?2)
      ELSE ?2 = ''
    END
    ON CONFLICT (principal_kind, principal, pattern)
      DO UPDATE SET actions = excluded.actions WHERE actions <> excluded.actions`),
  putAll: sql<[kind: PrincipalKind, principal: string, grants: string, now: number]>(`
    INSERT INTO grants (principal_kind, principal, pattern, actions, created_at)
    SELECT ?1, ?2, json_extract(value, '$.pattern'), json_extract(value, '$.actions'), ?4
    FROM json_each(?3) WHERE changes() > 0`),
  remove: sql<[...grant: GrantKey]>(
    `DELETE FROM grants WHERE principal_kind = ?1 AND principal = ?2 AND pattern = ?3`,
  ),
})

export interface StoredGrant extends Grant {
  principal: Principal
  /** Milliseconds since the epoch. */
  createdAt: number
}

export interface GrantsWanted {
  /** Only grants of this principal; null for all. */
  principal: Principal | null
  /** Only grants on exactly this pattern; null for all. */
  pattern: string | null
  /** The list begins after this grant; null for the beginning. */
  last: { principal: Principal; pattern: string } | null
  limit: number
}

interface Row {
  principal_kind: PrincipalKind
  principal: string
  pattern: string
  /** A JSON array. */
  actions: string
  created_at: number
}

/** In the order of kinds, names and patterns. */
export async function listGrants(
  db: Database,
  { principal, pattern, last, limit }: GrantsWanted,
): Promise<StoredGrant[]> {
  const { kind, name } = principal ?? last?.principal ?? { kind: '', name: '' }
  const list = principal === null ? SQL.list : SQL.listOfPrincipal
  const { results } = await list(db, kind, name, last?.pattern ?? '', limit, pattern).all()
  return results.map(grantOf)
}

/**
 * Gives the principal these actions on the pattern, in place of those that it had.
 * @returns null if the principal does not exist
 */
export async function putGrant(
  db: Database,
  by: ChangedBy,
  { principal, pattern, actions }: Grant & { principal: Principal },
): Promise<StoredGrant | null> {
  const key: GrantKey = [principal.kind, principal.name, pattern]
  const sorted = sortActions(actions)
  const [, , found] = await runBatch(db, [
    SQL.put(db, ...key, JSON.stringify(sorted), by.at),
    noteChange(db, by, {
      action: 'grant.put',
      target: formatPrincipal(principal),
      detail: { pattern, actions: sorted },
    }),
    SQL.find(db, ...key),
  ])
  const row = found.results[0]
  return row === undefined ? null : grantOf(row)
}

/** Returns false if the grant does not exist. */
export async function removeGrant(
  db: Database,
  by: ChangedBy,
  { principal, pattern }: { principal: Principal; pattern: string },
): Promise<boolean> {
  const [removed] = await runBatch(db, [
    SQL.remove(db, principal.kind, principal.name, pattern),
    noteChange(db, by, {
      action: 'grant.delete',
      target: formatPrincipal(principal),
      detail: { pattern },
    }),
  ])
  return removed.meta.changes !== 0
}

/**
 * Gives a new principal its grants, each on another pattern. Stands in the batch directly after `noteChange`, and grants nothing if
 * that recorded nothing: then the principal was not created.
 */
export function grantToNew(
  db: Database,
  { kind, name }: Principal,
  grants: readonly Grant[],
  now: number,
): Query<never> {
  return SQL.putAll(db, kind, name, JSON.stringify(grants), now)
}

/** Merges the grants on the same pattern into one with all their actions. */
export function mergeGrants(grants: readonly Grant[]): Grant[] {
  const merged = new Map<string, Action[]>()
  for (const { pattern, actions } of grants) {
    merged.set(pattern, sortActions([...(merged.get(pattern) ?? []), ...actions]))
  }
  return [...merged].map(([pattern, actions]) => ({ pattern, actions }))
}

function sortActions(actions: readonly Action[]): Action[] {
  return ACTIONS.filter((action) => actions.includes(action))
}

/** `account:alice`, `token:<id>`, `trust:<name>`, `authenticated`, `anonymous`. */
export function formatPrincipal({ kind, name }: Principal): string {
  return name === '' ? kind : `${kind}:${name}`
}

function grantOf({ principal_kind, principal, pattern, actions, created_at }: Row): StoredGrant {
  return {
    principal: { kind: principal_kind, name: principal },
    pattern,
    actions: sortActions(JSON.parse(actions)),
    createdAt: created_at,
  }
}
