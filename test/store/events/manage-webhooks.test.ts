/** Webhooks as rows: what is written is read, is audited without secrets, and goes with all that belongs to it. */
import { beforeEach, describe, expect, it } from 'vitest'
import { newDelivery } from '../../../src/events/delivery/lanes.ts'
import { listAudit } from '../../../src/store/access/audit.ts'
import { buryDeliveries } from '../../../src/store/events/dead-letters.ts'
import { putDeliveries } from '../../../src/store/events/deliveries.ts'
import { saveEndpointStates } from '../../../src/store/events/endpoint-states.ts'
import {
  configureWebhook,
  createManagedWebhook,
  removeManagedWebhook,
  replaceWebhookSecrets,
} from '../../../src/store/events/manage-webhooks.ts'
import { type WebhookRow, webhookOf, webhookRows } from '../../../src/store/events/webhooks.ts'
import { anEvent } from '../../events/support.ts'
import { count, db } from '../support.ts'

const BY = { actor: 'admin', address: '192.0.2.1', requestId: 'r', at: 1000 }
const LATER = { ...BY, at: 2000 }
const CONFIG = { name: 'one', url: 'https://one.example/' }
const SECRETS = { current: 'whsec_secret', previous: null }
const ONE = {
  name: 'one',
  config: JSON.stringify(CONFIG),
  secrets: JSON.stringify(SECRETS),
  disabled: false,
}

beforeEach(async () => {
  await db.batch(['webhooks', 'audit'].map((table) => db.prepare(`DELETE FROM ${table}`)))
})

async function actions(): Promise<string[]> {
  return (await listAudit(db, 1e9, 10)).map(({ action }) => action)
}

async function stored() {
  const { results } = await webhookRows(db, '', 10).all<WebhookRow>()
  return results.map(webhookOf)
}

async function create(): Promise<string> {
  const made = await createManagedWebhook(db, BY, ONE, 10, { host: 'one.example' })
  if (typeof made === 'string') throw new Error(made)
  return made.id
}

describe('a webhook', () => {
  it('is read as it was written', async () => {
    const id = await create()
    const one = { id, name: 'one', config: CONFIG, secrets: SECRETS, disabled: false }
    expect(await stored()).toEqual([{ ...one, createdAt: 1000, updatedAt: 1000 }])
  })

  it('has a unique name, and is limited in number', async () => {
    await create()
    expect(await createManagedWebhook(db, BY, ONE, 10, {})).toBe('name taken')
    const two = { ...ONE, name: 'two' }
    expect(await createManagedWebhook(db, BY, two, 1, {})).toBe('too many')
    expect(await stored()).toHaveLength(1)
    expect(await actions()).toEqual(['webhook.create'])
  })

  it('is changed only if it is still as it was read', async () => {
    const id = await create()
    const change = { before: ONE.config, after: '{"name":"one"}', disabled: true }
    expect(await configureWebhook(db, LATER, id, change, {})).toBe(true)
    expect(await configureWebhook(db, LATER, id, change, {})).toBe(false)
    const secrets = { before: ONE.secrets, after: 'null' }
    expect(await replaceWebhookSecrets(db, LATER, id, secrets, {})).toBe(true)
    expect(await replaceWebhookSecrets(db, LATER, id, secrets, {})).toBe(false)
    expect(await stored()).toMatchObject([
      { id, config: { name: 'one' }, secrets: null, disabled: true, updatedAt: 2000 },
    ])
    expect(await actions()).toEqual(['webhook.rotate-secret', 'webhook.update', 'webhook.create'])
  })

  it('is deleted with its own rows, and no others', async () => {
    const id = await create()
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
    expect(await removeManagedWebhook(db, BY, id)).toBe(true)
    expect(await removeManagedWebhook(db, BY, id)).toBe(false)
    expect(await stored()).toEqual([])
    expect(await count('deliveries')).toBe(2)
    expect(await count('dead_letters')).toBe(1)
    expect(await count('endpoint_states')).toBe(1)
    expect(await actions()).toEqual(['webhook.delete', 'webhook.create'])
  })
})
