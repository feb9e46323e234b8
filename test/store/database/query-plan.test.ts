/** Every statement of the store goes by an index: none scans a table or sorts what it found. */

import { beforeAll, describe, expect, it } from 'vitest'
import { newDelivery } from '../../../src/events/delivery/lanes.ts'
import {
  createAccessToken,
  findAccessToken,
  listAccessTokens,
  revokeAccessToken,
} from '../../../src/store/access/access-tokens.ts'
import {
  createAccount,
  endSession,
  findAccount,
  listAccounts,
  removeAccount,
  updateAccount,
} from '../../../src/store/access/accounts.ts'
import { listAudit, noteMade } from '../../../src/store/access/audit.ts'
import * as credentials from '../../../src/store/access/credentials.ts'
import { forgetFailedLogins, noteFailedLogin } from '../../../src/store/access/failed-logins.ts'
import type { Principal } from '../../../src/store/access/grants.ts'
import { rulesOfIssuer } from '../../../src/store/access/issuer-rules.ts'
import { listGrants, putGrant, removeGrant } from '../../../src/store/access/manage-grants.ts'
import { signingKey } from '../../../src/store/access/signing-keys.ts'
import { addTokenKey, dropTokenKeys, listTokenKeys } from '../../../src/store/access/token-keys.ts'
import {
  createTrustRule,
  findTrustRule,
  listTrustRules,
  removeTrustRule,
} from '../../../src/store/access/trust-rules.ts'
import {
  buryOrphans,
  findOrphans,
  noteStopped,
  readOrphanSweep,
} from '../../../src/store/bytes/orphan-sweep.ts'
import {
  claimTombstones,
  forgetTombstones,
  noteRemoved,
} from '../../../src/store/bytes/tombstones.ts'
import type { Database } from '../../../src/store/database/database.ts'
import {
  buryDeliveries,
  forgetDeadLetters,
  listDeadLetters,
  replayDeadLetters,
} from '../../../src/store/events/dead-letters.ts'
import {
  deliveriesByKey,
  deliveryKeysOf,
  listDeliveries,
  overdueDeliveries,
  postponeDeliveries,
  putDeliveries,
  trimDeliveries,
} from '../../../src/store/events/deliveries.ts'
import { endpointStates, saveEndpointStates } from '../../../src/store/events/endpoint-states.ts'
import { readEvents, scanEvents } from '../../../src/store/events/event-feed.ts'
import {
  configureWebhook,
  createManagedWebhook,
  removeManagedWebhook,
  replaceWebhookSecrets,
} from '../../../src/store/events/manage-webhooks.ts'
import {
  cascadeEvents,
  eventsById,
  forgetEvents,
  postponeEvents,
  recordEvent,
  recordEventIf,
  settleEvents,
  unsettledEvents,
} from '../../../src/store/events/outbox.ts'
import { webhookRows } from '../../../src/store/events/webhooks.ts'
import {
  commitBlob,
  findBlob,
  mountBlob,
  repositoryWithBlob,
  unlinkBlob,
} from '../../../src/store/registry/blobs.ts'
import { findContent } from '../../../src/store/registry/find-content.ts'
import { findHolders } from '../../../src/store/registry/holders.ts'
import { listManifests } from '../../../src/store/registry/list-manifests.ts'
import {
  findManifestByDigest,
  findManifestByTag,
  removeManifest,
} from '../../../src/store/registry/manifests.ts'
import { putManifest } from '../../../src/store/registry/put-manifest.ts'
import { listReferrers } from '../../../src/store/registry/referrers.ts'
import { nextEpoch, registryId, takeNewId } from '../../../src/store/registry/registry.ts'
import { removeUnreachable } from '../../../src/store/registry/remove-unreachable.ts'
import {
  findRepository,
  publicAmong,
  setVisibility,
} from '../../../src/store/registry/repository-visibility.ts'
import { listTags, removeTag } from '../../../src/store/registry/tags.ts'
import { listVisibleRepositories } from '../../../src/store/registry/visible-repositories.ts'
import { anEvent } from '../../events/support.ts'
import { anyEvent } from '../../support/any-event.ts'
import { anyBlob, anyDigest, anyManifest, db } from '../support.ts'

/** The database, which remembers every statement that it prepares. */
function remembering(statements: Set<string>): Database {
  return new Proxy(db, {
    get(target, name) {
      if (name === 'prepare') {
        return (sql: string) => {
          statements.add(sql)
          return target.prepare(sql)
        }
      }
      return name === 'batch' ? target.batch.bind(target) : Reflect.get(target, name)
    },
  })
}

async function planOf(sql: string): Promise<string[]> {
  const parameters = Math.max(0, ...[...sql.matchAll(/\?(\d+)/g)].map(([, n]) => Number(n)))
  const { results } = await db
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...Array(parameters).fill(null))
    .all<{ detail: string }>()
  return results.map(({ detail }) => detail)
}

/**
 * Steps that take longer the more rows there are. Lists that a statement was given, single rows, and what a step before has found
 * and limited (a subquery, the 20 of `holder`) are no tables.
 */
function isSlow(step: string): boolean {
  return (
    /^SCAN (?!CONSTANT ROW$|walk$|holder$|page$|[a-z_]+ (?:EXISTS )?VIRTUAL TABLE|\(subquery)/.test(
      step,
    ) || /TEMP B-TREE/.test(step)
  )
}

/** What the administration API does. */
async function administer(watched: Database): Promise<void> {
  const by = { actor: '', address: '', requestId: '', at: 1 }
  const principal: Principal = { kind: 'account', name: 'a' }
  await createAccount(watched, by, { name: 'a', passwordHash: null })
  await updateAccount(watched, by, 'a', { passwordHash: 'h', disabled: true })
  await endSession(watched, by, 'a')
  await findAccount(watched, 'a')
  await listAccounts(watched, '', 10)
  const token = await createAccessToken(watched, by, {
    account: 'a',
    name: 't',
    secretHash: 's',
    grants: [],
    expiresAt: null,
  })
  if (typeof token === 'string') throw new Error(token)
  await findAccessToken(watched, token.id)
  await revokeAccessToken(watched, by, token)
  await listAccessTokens(watched, { account: null, last: null, limit: 10 })
  await putGrant(watched, by, { principal, pattern: 'x', actions: ['pull'] })
  for (const of of [null, principal]) {
    await listGrants(watched, { principal: of, pattern: null, last: null, limit: 10 })
  }
  await removeGrant(watched, by, { principal, pattern: 'x' })
  const rule = { name: 'r', issuer: 'i', audience: 'a', claims: {}, grants: [] }
  await createTrustRule(watched, by, rule)
  await findTrustRule(watched, 'r')
  await listTrustRules(watched, '', 10)
  await removeTrustRule(watched, by, 'r')
  await publicAmong(watched, ['a'])
  await findRepository(watched, 'a')
  await setVisibility(watched, by, 'a', 'public')
  await setVisibility(watched, by, 'a', 'private')
  await noteMade(watched, by, { action: '', target: '', detail: {} })
  await listAudit(watched, 1, 1)
  await noteFailedLogin(watched, 'a', '', 1)
  await forgetFailedLogins(watched, 1, 1).run()
  await removeAccount(watched, by, 'a')
}

/** What a login and a token ask. */
async function logIn(watched: Database): Promise<void> {
  await credentials.findAccount(watched, 'a')
  await credentials.findTokenBySecret(watched, 'a', 's')
  await credentials.findTokenByName(watched, 'a', 't')
  await credentials.findSession(watched, 'a', 1)
  await credentials.findSession(watched, 'a/t', 1)
  await credentials.anonymousGrants(watched)
  await credentials.noteTokenUse(watched, 't', 1)
  await credentials.hasAccounts(watched)
  await rulesOfIssuer(watched, 'i')
  await addTokenKey(watched, { kid: 'k', jwk: '{}', createdAt: 1 }, null)
  await listTokenKeys(watched)
  await dropTokenKeys(watched, 0)
}

/** What events are carried by: the outbox, endpoints, deliveries, dead letters. */
async function carryEvents(watched: Database): Promise<void> {
  const by = { actor: '', address: '', requestId: '', at: 1 }
  const event = anEvent()
  const key = { endpoint: 'var:a', eventId: event.id }
  const delivery = { ...newDelivery(key.endpoint, event, 1), event: '{}', nextAt: 1 }
  await watched.batch([
    recordEvent(watched, event),
    recordEventIf(watched, event, { repository: 'a', tag: 't' }),
    recordEventIf(watched, event, { repository: 'a', manifest: 'm' }),
    recordEventIf(watched, event, { repository: 'a', blob: 'b' }),
    eventsById(watched, [event.id], []),
    postponeEvents(watched, [event.id], 1),
    settleEvents(watched, [event.id], 1),
    saveEndpointStates(watched, [{ endpoint: 'var:a', failures: 1, openUntil: null }], 1),
    endpointStates(watched),
    ...putDeliveries(watched, [delivery], 1),
    deliveryKeysOf(watched, [event.id]),
    deliveriesByKey(watched, [key]),
    postponeDeliveries(watched, [key], 1),
    ...buryDeliveries(watched, [key], 1),
  ])
  await cascadeEvents(watched, event.id, 1)
  await unsettledEvents(watched, 1, 1)
  await scanEvents(watched, 0, 1)
  await readEvents(watched, [1])
  await overdueDeliveries(watched, 1, 1)
  await listDeliveries(watched, 'var:a', ['dead'], 1)
  await trimDeliveries(watched, ['var:a'])
  const [letter] = await listDeadLetters(watched, 'var:a', 1e9, 1)
  await replayDeadLetters(watched, { endpoint: 'var:a', id: letter?.id ?? 0 }, 1)
  await replayDeadLetters(watched, { endpoint: 'var:a', since: 0, limit: 1 }, 1)
  await forgetEvents(watched, 1, 1)
  await forgetDeadLetters(watched, 1, 1)
  const webhook = { name: 'a', config: '{}', secrets: 'null', disabled: false }
  const made = await createManagedWebhook(watched, by, webhook, 100, {})
  const id = typeof made === 'string' ? made : made.id
  const change = { before: '{}', after: '{}', disabled: null }
  await configureWebhook(watched, by, id, change, {})
  await replaceWebhookSecrets(watched, by, id, { before: null, after: 'null' }, {})
  await removeManagedWebhook(watched, by, id)
  await webhookRows(watched, '', 1).all()
}

const statements = new Set<string>()

beforeAll(async () => {
  const watched = remembering(statements)
  const blob = anyBlob()
  const manifest = anyManifest({
    blobs: [blob],
    tags: ['t', `sha256-${'0'.repeat(64)}`],
    entries: [{ mediaType: 'm', digest: anyDigest(), size: 1 }],
    content: { storageKey: 'manifests/x' },
    subject: anyDigest(),
  })
  await commitBlob(watched, 'a', blob, anyEvent())
  await findBlob(watched, 'a', blob.digest)
  await repositoryWithBlob(watched, blob.digest, ['team/*'])
  await mountBlob(watched, 'b', blob.digest, 'a', anyEvent())
  await unlinkBlob(watched, 'b', blob.digest, anyEvent())
  await putManifest(watched, 'a', manifest)
  await putManifest(watched, 'a', { ...manifest, mayMoveTags: false })
  await putManifest(watched, 'a', anyManifest({ children: [manifest] }))
  await findManifestByDigest(watched, 'a', manifest.digest)
  await findManifestByTag(watched, 'a', 't')
  await findContent(watched, 'a', [blob.digest, manifest.digest])
  for (const artifactType of [null, 'application/x']) {
    const page = { fallbackTag: 'x', artifactType, last: '', limit: 10 }
    await listReferrers(watched, 'a', { subject: anyDigest(), ...page })
  }
  await listTags(watched, 'a', '', 10)
  await findHolders(watched, 'a', 'manifest', manifest.digest)
  await findHolders(watched, 'a', 'blob', blob.digest)
  await listManifests(watched, 'a', '', 10)
  const any = { ifMatch: ['*'], ifNoneMatch: null }
  const held = anyManifest()
  await putManifest(watched, 'a', held)
  await putManifest(watched, 'a', anyManifest({ children: [held] }))
  await removeUnreachable(watched, 'a', held.digest, anyEvent(), any)
  await removeTag(watched, 'a', 't', anyEvent(), any)
  await removeManifest(watched, 'a', manifest.digest, anyEvent(), any)
  await signingKey(watched, 'k')
  await listVisibleRepositories(watched, null, { last: '', limit: 10 })
  await listVisibleRepositories(watched, ['team/*'], { last: '', limit: 10 })
  await administer(watched)
  await logIn(watched)
  await carryEvents(watched)
  await claimTombstones(watched, 0, 10)
  await noteRemoved(watched, [], 0)
  await forgetTombstones(watched, 0, 10).run()
  await registryId(watched)
  await nextEpoch(watched, 'x', null, '')
  await takeNewId(watched, 'x', 1)
  const position = await readOrphanSweep(watched)
  await findOrphans(watched, ['x'])
  await buryOrphans(watched, ['x'], 1, position)
  await noteStopped(watched, 1)
})

describe('the query plans', () => {
  it('are of every statement that the store has', () => {
    // As many as src/store names; a new one belongs into the calls above.
    expect(statements.size).toBe(139)
  })

  it('use an index', async () => {
    const slow: Record<string, string[]> = {}
    for (const sql of statements) {
      // A handful of keys at any time: they are read as a whole.
      if (sql.includes('token_keys')) continue
      const steps = (await planOf(sql)).filter(isSlow)
      if (steps.length > 0) slow[sql.trim()] = steps
    }
    expect(slow).toEqual({})
  })

  it.each<[string, string, string]>([
    ['all', 'manifests_by_subject', 'digest>?'],
    ['one type', 'manifests_by_subject_and_type', 'artifact_type=? AND digest>?'],
  ])('of the referrers of %s goes by %s, past all others', async (which, index, then) => {
    const [list] = [...statements].filter(
      (sql) =>
        sql.includes('manifests.subject_digest = ?2') &&
        sql.includes('manifests.artifact_type = ?6') === (which === 'one type'),
    )
    expect(await planOf(list ?? '')).toContain(
      `SEARCH manifests USING INDEX ${index} (repository_id=? AND subject_digest=? AND ${then})`,
    )
  })

  it.each<[string, (watched: Database) => Promise<unknown>, string[]]>([
    [
      'a manifest by tag',
      (watched) => findManifestByTag(watched, 'a', 't'),
      [
        'SEARCH repositories USING COVERING INDEX sqlite_autoindex_repositories_1 (name=?)',
        'SEARCH tags USING PRIMARY KEY (repository_id=? AND name=?)',
        'SEARCH manifests USING INDEX sqlite_autoindex_manifests_2 (repository_id=? AND digest=?)',
      ],
    ],
    [
      'a manifest by digest',
      (watched) => findManifestByDigest(watched, 'a', anyDigest()),
      [
        'SEARCH repositories USING COVERING INDEX sqlite_autoindex_repositories_1 (name=?)',
        'SEARCH manifests USING INDEX sqlite_autoindex_manifests_2 (repository_id=? AND digest=?)',
      ],
    ],
    [
      "a blob's link",
      (watched) => findBlob(watched, 'a', anyDigest()),
      [
        'SEARCH repositories USING COVERING INDEX sqlite_autoindex_repositories_1 (name=?)',
        'SEARCH repository_blobs USING COVERING INDEX repository_blobs_by_digest (digest=? AND repository_id=?)',
        'SEARCH blobs USING PRIMARY KEY (digest=?)',
      ],
    ],
  ])(
    'of a pull of %s is one statement, each step of which finds one row',
    async (_, pull, plan) => {
      const asked = new Set<string>()
      await pull(remembering(asked))
      expect(asked.size).toBe(1)
      for (const sql of asked) expect((await planOf(sql)).toSorted()).toEqual(plan.toSorted())
    },
  )

  it('would show a scan, and a sort', async () => {
    const scan = await planOf('SELECT * FROM manifests WHERE artifact_type = ?1')
    expect(scan.filter(isSlow)).not.toEqual([])
    const sort = await planOf('SELECT * FROM tags WHERE repository_id = ?1 ORDER BY updated_at')
    expect(sort.filter(isSlow)).not.toEqual([])
  })
})
