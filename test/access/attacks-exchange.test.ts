/** Known attacks on what is exchanged for bearer tokens, and on what was taken away: nobody gets more than they have now. */
import { beforeAll, describe, expect, it } from 'vitest'
import { type Client, NOBODY, newClient } from '../support/access-clients.ts'
import { administer, closed, PASSWORD } from '../support/access-world.ts'
import { pushImage, send } from '../support/registry.ts'

const MANIFEST = '/v2/tokens/app/manifests/latest'
const UPLOADS = '/v2/tokens/app/blobs/uploads/'
const SCOPE = 'repository:tokens/app'

let client: Client

beforeAll(async () => {
  await pushImage('tokens/app', 'latest')
  client = await newClient({ 'tokens/*': ['pull', 'push', 'delete'] })
})

function actionsOf(token: string): string[] {
  const payload = token.split('.')[1] ?? ''
  const text = new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: 'base64url' }))
  const { access }: { access: { name: string; actions: string[] }[] } = JSON.parse(text)
  return access.flatMap(({ name, actions }) => actions.map((action) => `${name}:${action}`)).sort()
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

async function refreshed(refresh: string, scope: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh, scope })
  const response = await send('POST', '/token', { headers: FORM, body: `${body}` }, closed)
  if (!response.ok) throw new Error(await response.text())
  const { access_token: token } = await response.json<{ access_token: string }>()
  return token
}

async function refreshTokenOf(owner: Client): Promise<string> {
  const response = await owner.send('GET', '/token?offline_token=true')
  const { refresh_token: token } = await response.json<{ refresh_token: string }>()
  return token
}

describe('CVE-2025-68944 (Gitea), GitLab #426887: a scope that is lost in the exchange', () => {
  const WIDE = `${SCOPE}:pull,push,delete,* repository:other/app:* registry:catalog:*`

  it('a token that may read is not exchanged for one that may write', async () => {
    const reader = await client.withAccessToken({ 'tokens/app': ['pull'] })
    expect(actionsOf(await reader.token(WIDE))).toEqual(['catalog:*', 'tokens/app:pull'])
    const bearing = await reader.bearing(WIDE)
    expect((await bearing.send('GET', MANIFEST)).status).toBe(200)
    for (const [method, path] of [
      ['POST', UPLOADS],
      ['PUT', MANIFEST],
      ['DELETE', MANIFEST],
    ] as const) {
      expect((await bearing.send(method, path)).status).toBe(401)
      expect((await reader.send(method, path)).status).toBe(403)
    }
  })

  it('a refresh token or a password grant does not widen it either', async () => {
    const reader = await client.withAccessToken({ 'tokens/app': ['pull'] })
    const token = await refreshed(await refreshTokenOf(reader), WIDE)
    expect(actionsOf(token)).toEqual(['catalog:*', 'tokens/app:pull'])
    const { name: username, secret: password } = reader
    const body = new URLSearchParams({ grant_type: 'password', username, password, scope: WIDE })
    const response = await send('POST', '/token', { headers: FORM, body: `${body}` }, closed)
    const { access_token: granted } = await response.json<{ access_token: string }>()
    expect(actionsOf(granted)).toEqual(['catalog:*', 'tokens/app:pull'])
  })

  it('an access token that claims more than its owner has gets what its owner has', async () => {
    const poor = await newClient({ 'tokens/app': ['pull'] })
    const token = await poor.withAccessToken({ '**': ['admin'] })
    expect(actionsOf(await token.token(WIDE))).toEqual(['catalog:*', 'tokens/app:pull'])
    expect((await token.call('GET', '/accounts')).status).toBe(403)
  })

  it('a bearer token cannot be exchanged', async () => {
    const pull = await client.bearing(`${SCOPE}:pull`)
    expect((await pull.send('GET', `/token?scope=${SCOPE}:push`)).status).toBe(401)
  })

  it('anonymous callers get nothing that anonymous was not granted', async () => {
    expect(actionsOf(await NOBODY.token(WIDE))).toEqual(['catalog:*'])
    for (const query of ['account=admin', 'client_id=admin', 'username=admin', 'sub=admin']) {
      const response = await NOBODY.send('GET', `/token?${query}&scope=${SCOPE}:*`)
      const { token } = await response.json<{ token: string }>()
      expect(actionsOf(token)).toEqual([])
    }
  })
})

describe('CVE-2025-23208 (zot): revoked rights that stay', () => {
  const path = '/v2/tokens/app/tags/list'

  it('a removed grant ends with the next request and the next token', async () => {
    const reader = await newClient({ 'tokens/app': ['pull'] })
    const refresh = await refreshTokenOf(reader)
    expect((await reader.send('GET', path)).status).toBe(200)
    await administer('DELETE', `/grants?principal=account:${reader.name}&pattern=tokens/app`)
    expect((await reader.send('GET', path)).status).toBe(403)
    expect(actionsOf(await reader.token(`${SCOPE}:pull`))).toEqual([])
    expect(actionsOf(await refreshed(refresh, `${SCOPE}:pull`))).toEqual([])
  })

  it('a grant of everybody, and the limit of a token, end in the same way', async () => {
    const reader = await newClient({ 'tokens/app': ['push'] })
    const limited = await client.withAccessToken({ 'tokens/app': ['pull'] })
    await administer('PUT', '/grants', {
      principal: 'authenticated',
      pattern: 'tokens/app',
      actions: ['pull'],
    })
    expect((await reader.send('GET', path)).status).toBe(200)
    expect((await limited.send('GET', path)).status).toBe(200)
    await administer('DELETE', '/grants?principal=authenticated&pattern=tokens/app')
    await administer('DELETE', `/grants?principal=token:${limited.id}&pattern=tokens/app`)
    expect((await reader.send('GET', path)).status).toBe(403)
    // It stays limited, to nothing now.
    expect((await limited.send('GET', path)).status).toBe(403)
  })

  it.each([
    [
      'a revoked token',
      async (one: Client & { id: string }) =>
        void (await administer('DELETE', `/tokens/${one.id}`)),
    ],
    [
      'a disabled account',
      async ({ name }: Client) =>
        void (await administer('PATCH', `/accounts/${name}`, { disabled: true })),
    ],
    [
      'a deleted account',
      async ({ name }: Client) => void (await administer('DELETE', `/accounts/${name}`)),
    ],
  ])('%s is refused by the next request, and so is its refresh token', async (_, end) => {
    const owner = await newClient({ 'tokens/app': ['pull'] })
    const token = await owner.withAccessToken()
    const refresh = await refreshTokenOf(token)
    expect((await token.send('GET', path)).status).toBe(200)
    await end(token)
    expect((await token.send('GET', path)).status).toBe(401)
    expect((await token.send('GET', '/token')).status).toBe(401)
    await expect(refreshed(refresh, `${SCOPE}:pull`)).rejects.toThrow('UNAUTHORIZED')
  })

  it('a name that is used again has no rights of its former owner', async () => {
    const old = await newClient({ 'tokens/app': ['pull'] })
    const token = await old.withAccessToken()
    const refresh = await refreshTokenOf(old)
    await administer('DELETE', `/accounts/${old.name}`)
    await administer('POST', '/accounts', { name: old.name, password: `${PASSWORD}, another` })
    expect((await old.send('GET', path)).status).toBe(401)
    expect((await token.send('GET', path)).status).toBe(401)
    await expect(refreshed(refresh, `${SCOPE}:pull`)).rejects.toThrow('UNAUTHORIZED')
    await administer('PATCH', `/accounts/${old.name}`, { password: PASSWORD })
    expect((await old.send('GET', path)).status).toBe(403)
  })
})
