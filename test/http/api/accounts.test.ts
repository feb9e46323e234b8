/** Accounts over HTTP: who may manage them, and what they may do for themselves. */
import { describe, expect, it } from 'vitest'
import { bindings } from '../../support/registry.ts'
import { call, environment, failure } from './support.ts'

interface Account {
  name: string
  hasPassword: boolean
  disabled: boolean
}

const PASSWORD = 'correct horse battery'

async function person(name: string, password = PASSWORD) {
  await call('POST', '/accounts', { body: { name, password } })
  return { user: name, password }
}

describe('accounts', () => {
  it('are created, listed in pages, read, changed and deleted', async () => {
    const made = await call<Account>('POST', '/accounts', { body: { name: 'robot' } })
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'robot', hasPassword: false, disabled: false },
    })
    await person('a.person')
    await person('zoe')
    const names = async (query: string) => {
      const { body, headers } = await call<{ accounts: Account[] }>('GET', `/accounts${query}`)
      return [body.accounts.map(({ name }) => name), headers.get('Link')]
    }
    expect(await names('')).toEqual([['a.person', 'robot', 'zoe'], null])
    expect(await names('?n=2')).toEqual([
      ['a.person', 'robot'],
      '</api/v1/accounts?last=robot&n=2>; rel="next"',
    ])
    expect(await names('?last=robot&n=2')).toEqual([['zoe'], null])

    const changed = await call<Account>('PATCH', '/accounts/robot', {
      body: { password: PASSWORD, disabled: true },
    })
    expect(changed.body).toMatchObject({ hasPassword: true, disabled: true })
    expect((await call('GET', '/accounts/robot')).body).toEqual(changed.body)
    expect((await call('DELETE', '/accounts/robot')).status).toBe(204)
    expect(await failure('GET', '/accounts/robot')).toBe('404 NOT_FOUND: no such account')
    expect(await failure('DELETE', '/accounts/robot')).toBe('404 NOT_FOUND: no such account')
    expect(await failure('PATCH', '/accounts/robot', { body: { disabled: true } })).toMatch(/^404/)
  })

  it('take no name twice, and no name of another login', async () => {
    await person('twice')
    const create = (name: string, env = environment) =>
      failure('POST', '/accounts', { body: { name }, environment: env })
    expect(await create('twice')).toBe(
      '409 CONFLICT: the account twice was not created: the name is taken',
    )
    expect(await create('admin')).toBe(
      '409 CONFLICT: the account admin was not created: the name is reserved',
    )
    expect(await create('oidc')).toBe(
      '409 CONFLICT: the account oidc was not created: the name is reserved',
    )
    const HTPASSWD = `olga:$2y$05$${'a'.repeat(53)}`
    expect(await create('olga', { ...environment, HTPASSWD })).toMatch(/^409 .* HTPASSWD/)
    expect((await call('POST', '/accounts', { body: { name: 'olga' } })).status).toBe(201)
  })

  it('are managed by administrators', async () => {
    const as = await person('nobody')
    await person('somebody')
    for (const [method, path, body] of [
      ['GET', '/accounts'],
      ['POST', '/accounts', { name: 'mine' }],
      ['GET', '/accounts/somebody'],
      ['GET', '/accounts/missing'],
      ['PATCH', '/accounts/somebody', { password: 'taken over, surely' }],
      ['PATCH', '/accounts/missing', { password: 'taken over, surely' }],
      ['PATCH', '/accounts/nobody', { disabled: true }],
      ['PATCH', '/accounts/nobody', { password: null }],
      ['DELETE', '/accounts/nobody'],
      ['GET', '/audit'],
      ['GET', '/grants'],
      ['PUT', '/grants', { principal: 'account:nobody', pattern: '**', actions: ['admin'] }],
      ['GET', '/trust-rules'],
      ['POST', '/token-keys/rotate'],
    ] as const) {
      expect(await failure(method, path, { as, body }), `${method} ${path}`).toMatch(/^403 DENIED/)
      expect(await failure(method, path, { as: null, body })).toMatch(/^401 UNAUTHORIZED/)
    }
    const grant = { principal: 'account:nobody', pattern: '**', actions: ['admin'] }
    await call('PUT', '/grants', { body: grant })
    expect((await call('GET', '/accounts', { as })).status).toBe(200)
  })

  it('change their own password', async () => {
    const as = await person('self')
    const password = 'another one, as long'
    const changed = await call('PATCH', '/accounts/self', { as, body: { password } })
    expect(changed.status).toBe(200)
    expect(await failure('GET', '/accounts/self', { as })).toMatch(/^401/)
    const again = await call('GET', '/accounts/self', { as: { user: 'self', password } })
    expect(again.status).toBe(200)
  })

  it('may do nothing once disabled, which does not affect the operator', async () => {
    const as = await person('gone')
    const { body } = await call<{ secret: string }>('POST', '/tokens', { as, body: { name: 't' } })
    const token = { user: 'gone', password: body.secret }
    expect((await call('GET', '/account', { as: token })).status).toBe(200)
    await call('PATCH', '/accounts/gone', { body: { disabled: true } })
    expect(await failure('GET', '/account', { as })).toMatch(/^401/)
    expect(await failure('GET', '/account', { as: token })).toMatch(/^401/)
    expect(await failure('PATCH', '/accounts/admin', { body: { disabled: true } })).toMatch(/^404/)
  })

  it.each([
    [{}, 'name: missing'],
    [{ name: 'Upper' }, /^name: 1 to 64 characters/],
    [{ name: 'a'.repeat(65) }, /^name: 1 to 64 characters/],
    [{ name: 'a', admin: true }, 'admin: unknown field'],
    [{ name: 'a', constructor: 1 }, 'constructor: unknown field'],
    ['{"name":"a","__proto__":{}}', '__proto__: unknown field'],
    ['{"name":"a","name":"b"}', /duplicate key "name"/],
    ['{"name":', /^invalid JSON/],
    ['[]', 'Invalid input: expected object, received array'],
    [{ name: 'a', password: 'short' }, /^password: Too small.*; password: 12 to 256/],
    [
      { name: 'a', password: 'a\u0000bcdefghijklm' },
      'password: 12 to 256 characters, and no control characters',
    ],
    [{ name: 'a', password: 7 }, 'password: Invalid input: expected string, received number'],
  ])('refuse %j', async (body, problem) => {
    const said = await failure('POST', '/accounts', { body })
    expect(said).toMatch(/^400 REQUEST_INVALID: invalid request: /)
    const told = said.replace('400 REQUEST_INVALID: invalid request: ', '')
    if (typeof problem === 'string') expect(told).toBe(problem)
    else expect(told).toMatch(problem)
  })

  it('never repeat a password that was refused', async () => {
    const body = { name: 'a', password: 'secret-7' }
    expect(await failure('POST', '/accounts', { body })).not.toContain('secret-7')
  })
})

describe('GET /account', () => {
  it('says who the caller is', async () => {
    const as = await person('who')
    await call('PUT', '/grants', {
      body: { principal: 'account:who', pattern: 'team/*', actions: ['push'] },
    })
    await call('PUT', '/grants', {
      body: { principal: 'authenticated', pattern: 'shared/**', actions: ['pull'] },
    })
    const who = async (options: Parameters<typeof call>[2]) =>
      (await call('GET', '/account', options)).body
    expect(await who({ as })).toEqual({
      subject: 'who',
      kind: 'account',
      isAdministrator: false,
      pullable: ['shared/**'],
    })
    expect(await who({})).toMatchObject({ subject: 'admin', kind: 'admin', isAdministrator: true })
    expect(await who({ as: null, environment: bindings })).toEqual({
      subject: '',
      kind: 'open',
      isAdministrator: true,
      pullable: null,
    })
  })
})
