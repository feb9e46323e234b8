/** Known attacks on upload sessions: CVE-2026-32589 of Quay, where any user could read, change and cancel the upload of another. */
import { beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { ADMIN, type Client, NOBODY, newClient } from '../support/access-clients.ts'
import { administer, basic, closed, PASSWORD } from '../support/access-world.ts'
import { errorCodes, randomBytes } from '../support/registry.ts'

const HERE = '/v2/uploads/app/blobs/uploads/'
const SCOPES = ['repository:uploads/app:pull,push', 'repository:uploads/other:pull,push']
const PATTERNS = { 'uploads/*': ['pull', 'push'] }
const CONTENT = randomBytes(3000)

let owners: Record<string, Client>
let digest: string

beforeAll(async () => {
  const [owner, other] = [await newClient(PATTERNS), await newClient(PATTERNS)]
  for (const who of ['anonymous', 'authenticated']) {
    const actions = ['pull', 'push']
    await administer('PUT', '/grants', { principal: who, pattern: 'uploads/*', actions })
  }
  const one = await owner.withAccessToken()
  const second = await owner.withAccessToken(PATTERNS)
  owners = {
    'an account': owner,
    'another account': other,
    'an access token': one,
    'another access token of the same account': second,
    'an anonymous token': await NOBODY.bearing(...SCOPES),
    'the operator': ADMIN,
  }
  digest = await digestOf(CONTENT)
})

function clientNamed(title: string): Client {
  const client = owners[title]
  if (client === undefined) throw new Error(`no client ${title}`)
  return client
}

/** Where the upload goes on, and where it began: both ids name it. */
async function begin(client: Client): Promise<string[]> {
  const { status, headers } = await client.send('POST', HERE)
  expect(status).toBe(202)
  const path = new URL(headers.get('Location') ?? '').pathname
  const chunk = { 'Content-Range': '0-999', 'Content-Length': '1000' }
  const patched = await client.send('PATCH', path, chunk, CONTENT.slice(0, 1000))
  expect(patched.status).toBe(202)
  return [new URL(patched.headers.get('Location') ?? '').pathname, path]
}

/** All that can be done with an upload. */
async function tryAll(client: Client, paths: readonly string[]): Promise<Response[]> {
  return (await Promise.all(paths.map((path) => tryOne(client, path)))).flat()
}

async function tryOne(client: Client, path: string): Promise<Response[]> {
  const rest = CONTENT.slice(1000)
  const length = { 'Content-Length': String(rest.length) }
  return [
    await client.send('GET', path),
    await client.send('HEAD', path),
    await client.send('PATCH', path, { ...length, 'Content-Range': '1000-2999' }, rest),
    await client.send('PATCH', path, length, rest),
    await client.send('PUT', `${path}?digest=${digest}`, length, rest),
    await client.send('PUT', `${path}?digest=${digest}`, {}),
    await client.send('DELETE', path),
  ]
}

/** How many requests are tried on each path, and which of them is the HEAD, whose answer has no body. */
const REQUESTS = 7
const HEAD = 1

async function expectUnknown(responses: readonly Response[]): Promise<void> {
  for (const [index, response] of responses.entries()) {
    expect(response.status).toBe(404)
    for (const name of ['Location', 'Range', 'Docker-Upload-UUID']) {
      expect(response.headers.has(name)).toBe(false)
    }
    if (index % REQUESTS !== HEAD)
      expect(await errorCodes(response)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
  }
}

/** Its owner goes on as if nothing had been. */
async function expectUntouched(client: Client, [path = '']: readonly string[]): Promise<void> {
  const status = await client.send('GET', path)
  expect([status.status, status.headers.get('Range')]).toEqual([204, '0-999'])
  const length = { 'Content-Length': '2000' }
  const closing = `${path}?digest=${digest}`
  expect((await client.send('PUT', closing, length, CONTENT.slice(1000))).status).toBe(201)
}

const TITLES = [
  'an account',
  'another account',
  'an access token',
  'another access token of the same account',
  'an anonymous token',
  'the operator',
]
const PAIRS = TITLES.flatMap((owner) =>
  TITLES.filter((title) => title !== owner).map((other): [string, string] => [owner, other]),
)

describe('CVE-2026-32589 (Quay)', () => {
  it.each(PAIRS)('the upload of %s is unknown to %s', async (owner, other) => {
    const path = await begin(clientNamed(owner))
    await expectUnknown(await tryAll(clientNamed(other), path))
    await expectUntouched(clientNamed(owner), path)
  })

  it.each(TITLES)('the upload of %s is unknown in another repository', async (owner) => {
    const client = clientNamed(owner)
    const paths = await begin(client)
    const elsewhere = paths.map((path) => path.replace('/app/', '/other/'))
    await expectUnknown(await tryAll(client, elsewhere))
    await expectUntouched(client, paths)
  })

  it('an upload continues with a token for the same account, and with its password', async () => {
    const owner = clientNamed('an account')
    const path = await begin(owner)
    await expectUntouched(await owner.bearing(...SCOPES), path)
    const bearer = await owner.bearing(...SCOPES)
    await expectUntouched(owner, await begin(bearer))
  })

  it.each([
    ['a bit flipped in each character', (id: string) => flips(id)],
    ['shorter', (id: string) => [id.slice(0, -1), id.slice(0, -4), id.slice(4)]],
    ['longer', (id: string) => [`${id}A`, `${id}AAAA`, `${id}=`]],
    ['in other cases', (id: string) => [id.toLowerCase(), id.toUpperCase()]],
    ['guessed', () => ['A'.repeat(48), 'A'.repeat(52), crypto.randomUUID(), '..', '%00', '1']],
  ])('an id that is %s is unknown', async (_, forge) => {
    const client = clientNamed('an account')
    const paths = await begin(client)
    const [id = ''] = paths.map((path) => path.slice(HERE.length))
    for (const forged of forge(id)) {
      if (forged === id || forged === '..') continue
      const response = await client.send('GET', `${HERE}${forged}`)
      expect(response.status).toBe(404)
      expect(await errorCodes(response)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
    }
    await expectUntouched(client, paths)
  })

  it('an account with the name of a token, or of nobody, does not own its uploads', async () => {
    // `<account>/<token>` is a token's subject: no account can be called that, nor nothing.
    for (const name of [`${clientNamed('an account').name}/x`, '', 'admin', 'oidc', 'ADMIN']) {
      const response = await ADMIN.call('POST', '/accounts', { name, password: PASSWORD })
      expect([400, 409]).toContain(response.status)
    }
    const { status } = await NOBODY.at(closed).send('POST', HERE, {
      Authorization: basic('', PASSWORD),
    })
    expect(status).toBe(401)
  })
})

function flips(id: string): string[] {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return [...id].map((character, index) => {
    const other = alphabet[alphabet.indexOf(character) ^ 1] ?? 'A'
    return `${id.slice(0, index)}${other}${id.slice(index + 1)}`
  })
}
