/**
 * What every client must be able to do where a registry asks for logins, once with bearer tokens and once with Basic. A client
 * says how it does each of it; the rest of its file of tests is what it alone can do.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type ClosedRegistry, type Credentials, closedRegistry } from './closed-registry.ts'
import { type Image, MEGABYTE, makeImage } from './images.ts'
import { type Exchange, type RecordingProxy, recordingProxy } from './recording-proxy.ts'
import { fromRun, type Scratch, scratchFor } from './scratch.ts'

/** A client, by what it does. References are complete: `host:port/repository:tag`. */
export interface Client {
  /** Logs in; or keeps the credentials for what follows, where a client has no logins. */
  login(credentials: Credentials): Promise<unknown>
  /** Forgets the credentials. */
  logout(): Promise<unknown>
  /** Pushes an image from this machine; returns the digest of its config. */
  push(image: Image, reference: string): Promise<string>
  /** Pulls an image of which this machine has nothing; returns the digest of its config. */
  pull(reference: string): Promise<string>
  /** Pushes to a repository what the client knows to be in another one of the registry. */
  copy(from: string, to: string): Promise<unknown>
  /** Whether its pushes try to mount what they find on this machine, without being told from where. */
  guessesMounts?: boolean
  /** Whether it sends nothing at all where Basic is asked for and it has no password, even if none is needed. */
  demandsPassword?: boolean
  stop?(): Promise<void>
}

export type Challenge = 'bearer' | 'basic'

/** What the tests of one client and one challenge share. */
export interface Fixture<C extends Client> {
  client: C
  registry: ClosedRegistry
  /** Between the client and the registry; its host is that of `scratch`. */
  proxy: RecordingProxy
  scratch: Scratch
  image: Image
  /** May do everything in the repositories of `scratch`. */
  owner: Credentials
  /** May pull and push in the repositories `guest/**` of `scratch` alone. */
  guest: Credentials
}

/** What a client says when it is refused, in their various words. */
const REFUSED =
  /denied|unauthorized|authorization failed|invalid username|no basic auth|basic credential|40[13]/i

/**
 * Tests for one client.
 * @param start makes the client ready, for the registry at `scratch.host`
 * @param more adds tests of its own, after which it is logged out
 */
export function testLogins<C extends Client>(
  name: string,
  start: (scratch: Scratch) => Promise<C>,
  more: (fixture: () => Fixture<C>, challenge: Challenge) => void = () => {},
): void {
  for (const challenge of ['bearer', 'basic'] as const) {
    suite(`${name}, asked for ${challenge}`, () => {
      let prepared: Fixture<C> | undefined
      const fixture = () => {
        assert.ok(prepared, 'the registry or the client is not ready')
        return prepared
      }
      before(async () => {
        prepared = await prepare(`auth-${name}-${challenge}`, challenge, start)
      })
      after(async () => {
        await prepared?.client.stop?.()
        prepared?.proxy.close()
        await prepared?.scratch.remove()
      })
      testLogin(fixture, challenge)
      more(fixture, challenge)
      testAnonymous(fixture, challenge)
    })
  }
}

async function prepare<C extends Client>(
  name: string,
  challenge: Challenge,
  start: (scratch: Scratch) => Promise<C>,
): Promise<Fixture<C>> {
  const host = fromRun(`REGISTRY_${challenge.toUpperCase()}`)
  const proxy = await recordingProxy(host)
  const scratch = scratchFor(name, proxy.host)
  const registry = closedRegistry(host)
  const owner = await registry.addAccount(scratch.path('owner').replace('/', '.'), [
    { pattern: scratch.path('**'), actions: ['pull', 'push', 'delete'] },
  ])
  const guest = await registry.addAccount(scratch.path('guest').replace('/', '.'), [
    { pattern: scratch.path('guest/**'), actions: ['pull', 'push'] },
  ])
  const image = await makeImage(join(scratch.dir, 'image'), [MEGABYTE, MEGABYTE / 10])
  const client = await start(scratch)
  return { client, registry, proxy, scratch, image, owner, guest }
}

function testLogin(fixture: () => Fixture<Client>, challenge: Challenge): void {
  test('log in, push and pull', async () => {
    const { client, proxy, scratch, image, owner } = fixture()
    await client.login(owner)
    for (const name of ['private', 'public']) {
      const reference = `${scratch.repository(name)}:v1`
      const pushed = await client.push(image, reference)
      assert.equal(await client.pull(reference), pushed)
    }
    assert.deepEqual(schemesOf(proxy.exchanges), [challenge])
    const tokens = proxy.exchanges.filter(isTokenRequest).filter(({ status }) => status === 200)
    assert.equal(tokens.length > 0, challenge === 'bearer')
  })

  test('mount in another repository', async () => {
    const { client, proxy, scratch } = fixture()
    const from = `${scratch.repository('private')}:v1`
    const to = `${scratch.repository('mounted')}:v1`
    const exchanges = await during(proxy, () => client.copy(from, to))
    const mounts = exchanges.filter(isMount).filter(({ status }) => status !== 401)
    assert.ok(mounts.length > 0, 'it tried no mount')
    for (const { url, status } of mounts) assert.equal(status, 201, url)
    assert.equal(await client.pull(to), await client.pull(from))
  })

  test('log in with an access token, until it is revoked', async () => {
    const { client, registry, scratch, owner } = fixture()
    const token = await registry.addToken(owner.user)
    await client.login(token)
    await client.pull(`${scratch.repository('private')}:v1`)
    await registry.revokeToken(token.id)
    await refusal(() => client.pull(`${scratch.repository('private')}:v1`))
  })

  test('push without the right to pull from the source of a mount', async () => {
    const { client, proxy, scratch, image, guest } = fixture()
    await client.login(guest)
    const reference = `${scratch.repository('guest/app')}:v1`
    let pushed: string | undefined
    const exchanges = await during(proxy, async () => {
      pushed = await client.push(image, reference)
    })
    const mounts = exchanges.filter(isMount).filter(({ status }) => status !== 401)
    assert.ok(mounts.length > 0 || !client.guessesMounts, 'it tried no mount')
    for (const { url, status } of mounts) assert.equal(status, 202, url)
    assert.equal(await client.pull(reference), pushed)
    await refusal(() => client.push(image, `${scratch.repository('private')}:v2`))
  })
}

function testAnonymous(fixture: () => Fixture<Client>, challenge: Challenge): void {
  test('log out: nothing private is pulled or pushed, whether it exists or not', async () => {
    const { client, scratch, image, owner } = fixture()
    await client.login(owner)
    await client.logout()
    const messages: string[] = []
    for (const name of ['private', 'missing']) {
      const message = await refusal(() => client.pull(`${scratch.repository(name)}:v1`))
      messages.push(message.replaceAll(scratch.path(name), '<repository>'))
    }
    assert.equal(messages[0], messages[1])
    await refusal(() => client.push(image, `${scratch.repository('private')}:v2`))
  })

  test('pull a public repository without a login', async () => {
    const { client, registry, proxy, scratch, image } = fixture()
    const reference = `${scratch.repository('public')}:v1`
    await refusal(() => client.pull(reference))
    await registry.makePublic(scratch.path('public'))
    if (challenge === 'basic' && client.demandsPassword) {
      assert.match(await refusal(() => client.pull(reference)), /no basic auth credentials/)
      return
    }
    const exchanges = await during(proxy, () => client.pull(reference))
    const passwords = exchanges.flatMap(passwordOf).filter((password) => password !== '')
    assert.deepEqual(passwords, [])
    await refusal(() => client.push(image, `${scratch.repository('public')}:v2`))
  })

  test('a wrong password is refused', async () => {
    const { client, scratch, owner } = fixture()
    await refusal(async () => {
      await client.login({ ...owner, password: `${owner.password}x` })
      await client.pull(`${scratch.repository('private')}:v1`)
    })
  })
}

/** What the client says when this is refused, but for the time. */
export async function refusal(action: () => Promise<unknown>): Promise<string> {
  const error = await action().then(
    () => assert.fail('it was not refused'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof Error)
  const [_command, ...said] = error.message.split('\n')
  const message = said.join('\n').replaceAll(/time="[^"]*"/g, '')
  assert.match(message, REFUSED)
  return message
}

/** What was sent while this went on. */
export async function during(
  proxy: RecordingProxy,
  action: () => Promise<unknown>,
): Promise<Exchange[]> {
  const { length } = proxy.exchanges
  await action()
  return proxy.exchanges.slice(length)
}

function isMount({ url }: Exchange): boolean {
  return url.includes('mount=')
}

export function isTokenRequest({ url }: Exchange): boolean {
  return url.split('?')[0] === '/token'
}

/** The password of Basic; '' where a client sends an empty one. */
function passwordOf({ headers }: Exchange): string[] {
  const [scheme, credentials = ''] = (headers.authorization ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'basic') return []
  return [
    Buffer.from(credentials, 'base64')
      .toString()
      .replace(/^[^:]*:/, ''),
  ]
}

/** The schemes of the credentials with which requests to repositories succeeded. */
function schemesOf(exchanges: readonly Exchange[]): string[] {
  const accepted = exchanges.filter(({ url, status }) => url.startsWith('/v2/') && status < 300)
  const schemes = accepted.map(({ headers }) => (headers.authorization ?? 'none').split(' ')[0])
  return [...new Set(schemes.map((scheme) => scheme?.toLowerCase() ?? ''))]
}
