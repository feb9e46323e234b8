/** Grants and trust rules over HTTP. */
import { describe, expect, it } from 'vitest'
import { call, failure } from './support.ts'

interface Grant {
  principal: string
  pattern: string
  actions: string[]
}

async function list(query = ''): Promise<[string[], string | null]> {
  const { body, headers } = await call<{ grants: Grant[] }>('GET', `/grants${query}`)
  return [
    body.grants.map(({ principal, pattern, actions }) => `${principal} ${pattern} ${actions}`),
    headers.get('Link'),
  ]
}

describe('grants', () => {
  it('are put, listed and removed', async () => {
    await call('POST', '/accounts', { body: { name: 'dev' } })
    for (const [principal, pattern, actions] of [
      ['account:dev', 'team/**', ['push', 'pull', 'pull']],
      ['account:dev', 'team/app', ['delete']],
      ['authenticated', 'team/app', ['pull']],
      ['anonymous', '*', ['pull']],
    ] as const) {
      const { status } = await call('PUT', '/grants', { body: { principal, pattern, actions } })
      expect(status).toBe(200)
    }
    const all = [
      'account:dev team/** pull,push',
      'account:dev team/app delete',
      'anonymous * pull',
      'authenticated team/app pull',
    ]
    expect(await list()).toEqual([all, null])
    expect(await list('?principal=account:dev')).toEqual([all.slice(0, 2), null])
    expect(await list('?pattern=team/app')).toEqual([[all[1], all[3]], null])
    expect(await list('?pattern=team/app&principal=authenticated')).toEqual([[all[3]], null])
    const walked: string[] = []
    let next: string | null = '?n=1'
    while (next !== null) {
      const [grants, link]: [string[], string | null] = await list(next)
      walked.push(...grants)
      next = link?.slice(link.indexOf('?'), link.indexOf('>')) ?? null
    }
    expect(walked).toEqual(all)

    const changed = { principal: 'account:dev', pattern: 'team/app', actions: ['create'] }
    expect((await call('PUT', '/grants', { body: changed })).body).toMatchObject(changed)
    const query = '?principal=account:dev&pattern=team/app'
    expect((await call('DELETE', `/grants${query}`)).status).toBe(204)
    expect(await failure('DELETE', `/grants${query}`)).toBe('404 NOT_FOUND: no such grant')
  })

  it('need a principal that exists', async () => {
    for (const principal of ['account:none', `token:${crypto.randomUUID()}`, 'trust:none']) {
      const body = { principal, pattern: 'a', actions: ['pull'] }
      expect(await failure('PUT', '/grants', { body })).toBe('404 NOT_FOUND: no such principal')
    }
  })

  it.each([
    [{ principal: 'account:' }, /^principal: one of/],
    [{ principal: 'group:dev' }, /^principal: one of/],
    [{ principal: 'anonymous:x' }, /^principal: one of/],
    [
      { principal: 'anonymous', actions: ['admin'] },
      /^actions: admin cannot be granted to anonymous/,
    ],
    [{ principal: 'authenticated', actions: ['admin'] }, /^actions: admin cannot be granted to/],
    [{ pattern: 'team*' }, /^pattern: not a repository pattern/],
    [{ pattern: '**/app' }, /^pattern: not a repository pattern/],
    [{ pattern: 'Team/app' }, /^pattern: not a repository pattern/],
    [{ actions: ['*'] }, /^actions\[0\]: Invalid option/],
    [{ id: 7 }, /^id: unknown field/],
  ])('refuse %j', async (change, problem) => {
    const body = { principal: 'anonymous', pattern: 'a', actions: ['pull'], ...change }
    const said = await failure('PUT', '/grants', { body })
    expect(said.replace('400 REQUEST_INVALID: invalid request: ', '')).toMatch(problem)
  })
})

describe('trust rules', () => {
  const RULE = {
    name: 'github-main',
    issuer: 'https://token.actions.githubusercontent.com',
    audience: 'berth',
    claims: { repository_owner: 'acme', ref: 'refs/heads/*' },
    grants: [{ pattern: 'acme/**', actions: ['pull', 'push'] }],
  }

  it('are created with their grants, read, listed and deleted with them', async () => {
    const created = await call('POST', '/trust-rules', { body: RULE })
    expect(created).toMatchObject({ status: 201, body: RULE })
    expect((await call('GET', '/trust-rules/github-main')).body).toEqual(created.body)
    const bare = { ...RULE, name: 'bare', grants: undefined }
    expect((await call('POST', '/trust-rules', { body: bare })).body).toMatchObject({ grants: [] })
    const { body } = await call<{ trustRules: { name: string }[] }>('GET', '/trust-rules?n=1')
    expect(body.trustRules.map(({ name }) => name)).toEqual(['bare'])
    expect(await list('?principal=trust:github-main')).toEqual([
      ['trust:github-main acme/** pull,push'],
      null,
    ])
    expect((await call('DELETE', '/trust-rules/github-main')).status).toBe(204)
    expect(await list('?principal=trust:github-main')).toEqual([[], null])
    expect(await failure('GET', '/trust-rules/github-main')).toMatch(/^404 NOT_FOUND/)
    expect(await failure('DELETE', '/trust-rules/github-main')).toMatch(/^404 NOT_FOUND/)
  })

  it('leave a rule of the same name, and its grants, as they are', async () => {
    const first = { ...RULE, name: 'first' }
    await call('POST', '/trust-rules', { body: first })
    const grants = [{ pattern: '**', actions: ['admin'] }]
    expect(await failure('POST', '/trust-rules', { body: { ...first, grants } })).toBe(
      '409 CONFLICT: a trust rule named first already exists',
    )
    expect((await call('GET', '/trust-rules/first')).body).toMatchObject(first)
  })

  it.each([
    [{ claims: {} }, /^claims: at least one condition/],
    [{ claims: { sub: '*' } }, /^claims: at least one condition/],
    [{ claims: { iss: 'x' } }, /^claims: a condition on "iss"/],
    [{ claims: { sub: 7 } }, /^claims.sub: Invalid input/],
    [{ claims: { sub: ['a'] } }, /^claims.sub: Invalid input/],
    [{ issuer: 'http://issuer.example' }, /^issuer: /],
    [{ issuer: 'https://127.0.0.1' }, /^issuer: /],
    [{ audience: '' }, /^audience: Too small/],
    [{ subject: 'x' }, /^subject: unknown field/],
  ])('refuse %j', async (change, problem) => {
    const body = { ...RULE, name: 'bad', ...change }
    const said = await failure('POST', '/trust-rules', { body })
    expect(said.replace('400 REQUEST_INVALID: invalid request: ', '')).toMatch(problem)
  })

  it('refuse a condition that would be ignored', async () => {
    const body = JSON.stringify({ ...RULE, name: 'bad' }).replace('"ref"', '"__proto__"')
    expect(await failure('POST', '/trust-rules', { body })).toMatch(/__proto__: unknown field$/)
  })
})
