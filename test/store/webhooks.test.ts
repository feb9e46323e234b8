/** Webhooks as rows: what is written is read, is audited without secrets, and goes with all that belongs to it. */
import { beforeEach, describe, expect, it } from 'vitest'
import { newDelivery } from '../../src/events/lanes.ts'
import { listAudit } from '../../src/store/audit.ts'
import { buryDeliveries } from '../../src/store/dead-letters.ts'
import { putDeliveries } from '../../src/store/deliveries.ts'
import { saveEndpointStates } from '../../src/store/endpoint-states.ts'
import {
  createWebhook,
  findWebhook,
  listWebhooks,
  removeWebhook,
  updateWebhook,
} from '../../src/store/webhooks.ts'
import { anEvent } from '../events/support.ts'
import { count, db } from './support.ts'

const BY = { actor: 'admin', address: '192.0.2.1', requestId: 'r', at: 1000 }
const ONE = {
  name: 'one',
  config: { name: 'one', url: 'https://one.example/' },
  secrets: { current: 'whsec_secret', previous: null },
  disabled: false,
}

beforeEach(async () => {
  await db.batch(['webhooks', 'audit'].map((table) => db.prepare(`DELETE FROM ${table}`)))
})

async function actions(): Promise<string[]> {
  return (await listAudit(db, 1e9, 10)).map(({ action, target }) => `${action} ${target}`)
}

describe('a webhook', () => {
  it('is read as it was written', async () => {
    expect(await createWebhook(db, BY, ONE, { host: 'one.example' })).toBe(true)
    const found = await findWebhook(db, 'one')
    expect(found).toEqual({ ...ONE, id: expect.any(String), createdAt: 1000, updatedAt: 1000 })
    expect(await listWebhooks(db, '', 10)).toEqual([found])
    expect(await listWebhooks(db, 'one', 10)).toEqual([])
    expect(await findWebhook(db, 'two')).toBe(null)
  })

  it('has a name that no other has', async () => {
    await createWebhook(db, BY, ONE, {})
    const first = await findWebhook(db, 'one')
    expect(await createWebhook(db, BY, { ...ONE, disabled: true }, {})).toBe(false)
    expect(await findWebhook(db, 'one')).toEqual(first)
    expect(await actions()).toEqual(['webhook.create one'])
  })

  it('is changed, but for its name and id', async () => {
    await createWebhook(db, BY, ONE, {})
    const first = await findWebhook(db, 'one')
    const changed = { ...ONE, config: { name: 'one' }, secrets: null, disabled: true }
    expect(await updateWebhook(db, { ...BY, at: 2000 }, changed, {})).toBe(true)
    expect(await findWebhook(db, 'one')).toEqual({ ...first, ...changed, updatedAt: 2000 })
    expect(await updateWebhook(db, BY, { ...changed, name: 'two' }, {})).toBe(false)
    expect(await actions()).toEqual(['webhook.update one', 'webhook.create one'])
  })

  it('goes with what was kept of it, and of no other', async () => {
    await createWebhook(db, BY, ONE, {})
    const id = (await findWebhook(db, 'one'))?.id ?? ''
    const [live, dead] = [anEvent(), anEvent()]
    for (const endpoint of [id, 'var:one']) {
      const deliveries = [live, dead].map((event) => ({
        ...newDelivery(endpoint, event, 1),
        event: '{}',
        nextAt: 1,
      }))
      await db.batch([
        ...putDeliveries(db, deliveries, 1),
        ...buryDeliveries(db, [{ endpoint, eventId: dead.id }], 1),
        saveEndpointStates(db, [{ endpoint, failures: 1, openUntil: null }], 1),
      ])
    }
    expect(await removeWebhook(db, BY, 'one')).toBe(true)
    expect(await removeWebhook(db, BY, 'one')).toBe(false)
    expect(await findWebhook(db, 'one')).toBe(null)
    expect(await count('deliveries')).toBe(2)
    expect(await count('dead_letters')).toBe(1)
    expect(await count('endpoint_states')).toBe(1)
    expect(await actions()).toEqual(['webhook.delete one', 'webhook.create one'])
  })

  it('leaves no secret in the audit log', async () => {
    await createWebhook(db, BY, ONE, { host: 'one.example' })
    await updateWebhook(db, BY, ONE, {})
    await removeWebhook(db, BY, 'one')
    expect(JSON.stringify(await listAudit(db, 1e9, 10))).not.toContain('whsec_')
  })
})
