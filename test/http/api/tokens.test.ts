/** Access tokens over HTTP: whose they are, what limits them, and how they end. */
import { beforeAll, describe, expect, it } from 'vitest'
import { type Credentials, call, failure } from './support.ts'

interface Token {
  id: string
  account: string
  name: string
  grants: unknown[] | null
  expiresAt: string | null
  lastUsedAt: string | null
  revokedAt: string | null
}

type CreatedToken = Token & { secret: string }

const ALICE = { user: 'alice', password: 'the password of alice' }
const BOB = { user: 'bob', password: 'the password of bob' }

async function create(body: object, as: Credentials = ALICE): Promise<CreatedToken> {
  return (await call<CreatedToken>('POST', '/tokens', { as, body })).body
}

async function list(query: string, as: Credentials): Promise<string[]> {
  const { body } = await call<{ tokens: Token[] }>('GET', `/tokens${query}`, { as })
  return body.tokens.map(({ account, name }) => `${account}/${name}`)
}

async function listAsAdmin(query: string): Promise<[string[], string | null]> {
  const { body, headers } = await call<{ tokens: Token[] }>('GET', `/tokens${query}`)
  return [body.tokens.map(({ account, name }) => `${account}/${name}`), headers.get('Link')]
}

beforeAll(async () => {
  for (const { user, password } of [ALICE, BOB]) {
    await call('POST', '/accounts', { body: { name: user, password } })
  }
  await call('POST', '/accounts', { body: { name: 'robot' } })
})

describe('access tokens', () => {
  it('show their secret once, and work until they are revoked', async () => {
    const created = await create({ name: 'ci' })
    expect(created).toMatchObject({ account: 'alice', name: 'ci', grants: null, expiresAt: null })
    expect(created.secret).toMatch(/^berth_[A-Za-z0-9_-]{49}$/)
    const as = { user: 'alice', password: created.secret }
    expect((await call('GET', '/account', { as })).body).toMatchObject({
      subject: 'alice/ci',
      kind: 'token',
    })
    const { body } = await call<{ tokens: Token[] }>('GET', '/tokens', { as: ALICE })
    const [listed] = body.tokens
    expect(listed).not.toHaveProperty('secret')
    expect(listed?.lastUsedAt).not.toBeNull()

    const revoke = () => call('DELETE', `/tokens/${created.id}`, { as: ALICE })
    expect((await revoke()).status).toBe(204)
    expect(await failure('GET', '/account', { as })).toMatch(/^401/)
    expect((await revoke()).status).toBe(204)
    expect(await list('', ALICE)).toEqual(['alice/ci'])
  })

  it('may reuse the name of a revoked token only', async () => {
    const first = await create({ name: 'again' })
    const grants = [{ pattern: 'x', actions: ['pull'] }]
    expect(await failure('POST', '/tokens', { as: ALICE, body: { name: 'again', grants } })).toBe(
      '409 CONFLICT: alice already has an access token named again',
    )
    await call('DELETE', `/tokens/${first.id}`)
    const second = await create({ name: 'again' })
    expect(second.id).not.toBe(first.id)
    const other = await create({ name: 'again' }, BOB)
    expect(other.account).toBe('bob')
  })

  it('are limited to their grants, if they have any', async () => {
    const grants = [
      { pattern: 'team/**', actions: ['push'] },
      { pattern: 'team/**', actions: ['pull', 'push'] },
      { pattern: 'other', actions: ['pull'] },
    ]
    const { id, secret, ...created } = await create({ name: 'limited', grants })
    expect(created.grants).toEqual([
      { pattern: 'team/**', actions: ['pull', 'push'] },
      { pattern: 'other', actions: ['pull'] },
    ])
    await call('PUT', '/grants', {
      body: { principal: 'account:alice', pattern: 'team/*', actions: ['pull'] },
    })
    const pullable = async () =>
      (await call('GET', '/account', { as: { user: 'alice', password: secret } })).body
    expect(await pullable()).toMatchObject({ pullable: ['team/*'] })
    const query = `principal=token:${id}&pattern=`
    await call('DELETE', `/grants?${query}team/**`)
    await call('DELETE', `/grants?${query}other`)
    expect(await pullable()).toMatchObject({ pullable: [] })
  })

  it('cannot create others or change the password', async () => {
    const { secret } = await create({ name: 'leaked' })
    const as = { user: 'alice', password: secret }
    for (const [method, path, body] of [
      ['POST', '/tokens', { name: 'more' }],
      ['POST', '/tokens', { name: 'more', account: 'alice' }],
      ['GET', '/tokens'],
      ['GET', '/tokens?account=alice'],
      ['PATCH', '/accounts/alice', { password: 'a password of theirs' }],
    ] as const) {
      expect(await failure(method, path, { as, body }), `${method} ${path}`).toMatch(/^403 DENIED/)
    }
  })

  it('are managed only by their owner and by administrators', async () => {
    const { id } = await create({ name: 'private' })
    expect(await failure('DELETE', `/tokens/${id}`, { as: BOB })).toBe(
      '404 NOT_FOUND: no such token',
    )
    const body = { name: 'x', account: 'alice' }
    expect(await failure('POST', '/tokens', { as: BOB, body })).toMatch(/^403/)
    expect(await failure('GET', '/tokens?account=alice', { as: BOB })).toMatch(/^403/)
    // A cursor within the tokens of somebody else leads to none of those.
    for (const name of await list('?last=alice/a', BOB)) expect(name).toMatch(/^bob\//)
    const robot = await call<CreatedToken>('POST', '/tokens', {
      body: { name: 'deploy', account: 'robot', expiresInDays: 1 },
    })
    const as = { user: 'robot', password: robot.body.secret }
    expect((await call('GET', '/account', { as })).body).toMatchObject({ subject: 'robot/deploy' })
    expect((await call('DELETE', `/tokens/${id}`)).status).toBe(204)
    expect(await failure('POST', '/tokens', { body: { name: 'x', account: 'nobody' } })).toBe(
      '404 NOT_FOUND: no such account',
    )
    expect(await failure('POST', '/tokens', { body: { name: 'x' } })).toMatch(
      /^400 .*account: required/,
    )
  })

  it('are listed in pages, by account and name', async () => {
    const [all, none] = await listAsAdmin('?n=1000')
    expect(none).toBeNull()
    expect(all).toEqual(all.toSorted())
    expect(new Set(all.map((name) => name.split('/')[0]))).toEqual(
      new Set(['alice', 'bob', 'robot']),
    )
    const walked: string[] = []
    let next: string | null = '?n=2'
    while (next !== null) {
      const [names, link]: [string[], string | null] = await listAsAdmin(next)
      expect(names.length).toBeLessThanOrEqual(2)
      walked.push(...names)
      next = link?.slice(link.indexOf('?'), link.indexOf('>')) ?? null
    }
    expect(walked).toEqual(all)
    expect(await list('?account=bob', BOB)).toEqual(['bob/again'])
  })

  it('expire', async () => {
    const soon = new Date(Date.now() + 600).toISOString()
    const { secret, expiresAt } = await create({ name: 'short', expiresAt: soon })
    expect(expiresAt).toBe(soon)
    const as = { user: 'alice', password: secret }
    expect((await call('GET', '/account', { as })).status).toBe(200)
    await scheduler.wait(700)
    expect(await failure('GET', '/account', { as })).toMatch(/^401/)
    expect(await create({ name: 'short' })).toMatchObject({ expiresAt: null })
  })

  it.each([
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt: must be in the future'],
    [{ expiresAt: '2999-01-01T00:00:00Z' }, 'expiresAt: must be in the future'],
    [{ expiresAt: 'tomorrow' }, 'expiresAt: Invalid ISO datetime'],
    [{ expiresAt: '2999-01-01T00:00:00Z', expiresInDays: 1 }, 'expiresAt: given together'],
    [{ expiresInDays: 0 }, 'expiresInDays: Too small'],
    [{ expiresInDays: 1.5 }, 'expiresInDays: Invalid input'],
    [{ name: 'a b' }, 'name: 1 to 64 characters'],
    [{ grants: [{ pattern: 'a*', actions: ['pull'] }] }, 'grants[0].pattern: not a repository'],
    [{ grants: [{ pattern: 'a', actions: [] }] }, 'grants[0].actions: Too small'],
    [{ grants: [{ pattern: 'a', actions: ['fly'] }] }, 'grants[0].actions[0]: Invalid option'],
    [{ grants: [{ pattern: 'a', actions: ['pull'], x: 1 }] }, 'grants[0].x: unknown field'],
    [{ limited: false }, 'limited: unknown field'],
  ])('refuse %j', async (body, problem) => {
    const said = await failure('POST', '/tokens', { as: ALICE, body: { name: 'bad', ...body } })
    expect(said).toContain(`400 REQUEST_INVALID: invalid request: ${problem}`)
  })
})
