/** The audit log over HTTP: every change leaves one row, what fails leaves none, and no secret is in it. */
import { describe, expect, it } from 'vitest'
import { currentKey } from '../../../src/auth/tokens/token-keys.ts'
import { db, storedManifest } from '../../store/support.ts'
import { call, environment, failure } from './support.ts'

interface Entry {
  id: number
  at: string
  actor: string
  address: string
  requestId: string
  action: string
  target: string
  detail: unknown
}

async function entries(query = '?n=1000'): Promise<Entry[]> {
  return (await call<{ entries: Entry[] }>('GET', `/audit${query}`)).body.entries
}

const PASSWORD = 'the password of mallory'

describe('the audit log', () => {
  it('has a row for each change, and none for a request that changed nothing', async () => {
    await storedManifest('app')
    await currentKey(db)
    const grant = { principal: 'account:mallory', pattern: 'app', actions: ['pull'] }
    const anonymous = { principal: 'anonymous', pattern: '**', actions: ['pull'] }
    const rule = {
      name: 'rule',
      issuer: 'https://issuer.example',
      audience: 'berth',
      claims: { sub: 'x' },
    }
    let tokenId = ''
    const steps: [string, string, object | undefined, string | null][] = [
      ['POST', '/accounts', { name: 'mallory', password: PASSWORD }, 'account.create mallory'],
      ['POST', '/accounts', { name: 'mallory' }, null],
      ['POST', '/accounts', { name: 'admin' }, null],
      ['PATCH', '/accounts/mallory', { password: `${PASSWORD}!` }, 'account.set-password mallory'],
      ['PATCH', '/accounts/mallory', { disabled: true }, 'account.disable mallory'],
      ['PATCH', '/accounts/mallory', { disabled: true }, null],
      ['PATCH', '/accounts/mallory', { disabled: false }, 'account.enable mallory'],
      ['PATCH', '/accounts/mallory', { password: null }, 'account.remove-password mallory'],
      ['PATCH', '/accounts/mallory', { password: null }, null],
      ['PATCH', '/accounts/missing', { disabled: true }, null],
      ['POST', '/tokens', { name: 't', account: 'mallory' }, 'token.create mallory/t'],
      ['POST', '/tokens', { name: 't', account: 'mallory', grants: [] }, null],
      ['POST', '/tokens', { name: 't', account: 'missing' }, null],
      ['PUT', '/grants', grant, 'grant.put account:mallory'],
      ['PUT', '/grants', grant, null],
      ['PUT', '/grants', { ...grant, actions: ['push'] }, 'grant.put account:mallory'],
      ['PUT', '/grants', { ...grant, principal: 'account:missing' }, null],
      [
        'DELETE',
        '/grants?principal=account:mallory&pattern=app',
        undefined,
        'grant.delete account:mallory',
      ],
      ['DELETE', '/grants?principal=account:mallory&pattern=app', undefined, null],
      ['POST', '/trust-rules', rule, 'trust-rule.create rule'],
      ['POST', '/trust-rules', rule, null],
      ['DELETE', '/trust-rules/rule', undefined, 'trust-rule.delete rule'],
      ['DELETE', '/trust-rules/rule', undefined, null],
      ['PATCH', '/repositories/app', { visibility: 'private' }, null],
      ['PATCH', '/repositories/app', { visibility: 'public' }, 'repository.publish app'],
      ['PATCH', '/repositories/app', { visibility: 'public' }, null],
      ['PUT', '/grants', anonymous, 'grant.put anonymous'],
      ['PATCH', '/repositories/app', { visibility: 'private' }, null],
      ['DELETE', '/grants?principal=anonymous&pattern=**', undefined, 'grant.delete anonymous'],
      ['PATCH', '/repositories/app', { visibility: 'private' }, 'repository.hide app'],
      ['POST', '/token-keys/rotate', undefined, 'token-keys.rotate '],
      ['DELETE', '/tokens/:id', undefined, 'token.revoke mallory/t'],
      ['DELETE', '/tokens/:id', undefined, null],
      ['DELETE', '/accounts/mallory', undefined, 'account.delete mallory'],
      ['DELETE', '/accounts/mallory', undefined, null],
    ]
    for (const [method, path, body, expected] of steps) {
      const before = await entries()
      const answer = await call<{ id: string }>(method, path.replace(':id', tokenId), {
        body,
        headers: { 'CF-Connecting-IP': '192.0.2.7' },
      })
      if (path === '/tokens' && answer.status === 201) tokenId = answer.body.id
      const added = (await entries()).slice(0, -before.length || undefined)
      const step = `${method} ${path} ${JSON.stringify(body)}`
      expect(
        added.map(({ action, target }) => `${action} ${target}`),
        step,
      ).toEqual(expected === null ? [] : [expected])
      for (const { actor, address, requestId } of added) {
        expect({ actor, address, requestId }).toEqual({
          actor: 'admin',
          address: '192.0.2.7',
          requestId: answer.headers.get('X-Request-Id'),
        })
      }
    }
    const all = JSON.stringify(await entries())
    expect(all).not.toContain(PASSWORD)
    expect(all).not.toMatch(/berth_|pbkdf2/)
  })

  it('is read in pages, the newest first', async () => {
    const all = await entries()
    expect(all.length).toBeGreaterThan(10)
    expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toSorted((a, b) => b - a))
    const first = await call<{ entries: Entry[] }>('GET', '/audit?n=3')
    expect(first.body.entries).toEqual(all.slice(0, 3))
    expect(first.headers.get('Link')).toBe(`</api/v1/audit?before=${all[2]?.id}&n=3>; rel="next"`)
    expect(await entries(`?n=3&before=${all[2]?.id}`)).toEqual(all.slice(3, 6))
  })

  it('can be filtered by subject, action and time', async () => {
    const all = await entries()
    const [newest] = all
    const oldest = all.at(-1)
    if (newest === undefined || oldest === undefined) throw new Error('no entries')
    expect(await entries('?actor=nobody')).toEqual([])
    expect(await entries('?actor=admin&n=1000')).toEqual(
      all.filter(({ actor }) => actor === 'admin'),
    )
    expect(await entries('?action=account.create')).toEqual(
      all.filter(({ action }) => action === 'account.create'),
    )
    expect(await entries(`?since=${newest.at}`)).toEqual(all.filter(({ at }) => at >= newest.at))
    expect(await entries(`?until=${newest.at}`)).toEqual(all.filter(({ at }) => at < newest.at))
    expect(await entries(`?until=${oldest.at}`)).toEqual([])
    expect(await failure('GET', '/audit?since=yesterday')).toMatch(/^400 REQUEST_INVALID.*since/)
  })

  it('has times as ISO 8601 writes them', async () => {
    await call('POST', '/accounts', { body: { name: 'timed' } })
    const body = { account: 'timed', name: 'ci', expiresInDays: 3 }
    await call('POST', '/tokens', { body })
    const [made] = await entries('?action=token.create&n=1')
    expect(made?.detail).toMatchObject({ expiresAt: expect.stringMatching(/^20\d\d-.*T.*Z$/) })
  })

  it('has no actor if the registry is open', async () => {
    const open = { ...environment, OPEN_ACCESS: 'true' }
    await call('POST', '/accounts', { as: null, environment: open, body: { name: 'by-anybody' } })
    expect(await entries('?n=1')).toMatchObject([{ actor: '', target: 'by-anybody' }])
  })
})
