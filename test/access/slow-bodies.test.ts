/** A right that is lost while a manifest is on its way: the push was let in when it began. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Client, newClient } from '../support/access-clients.ts'
import { administer, closed } from '../support/access-world.ts'
import { bytesOf, send } from '../support/registry.ts'

const INDEX = 'application/vnd.oci.image.index.v1+json'
const MANIFEST = bytesOf(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] }))

let made = 0

afterEach(() => {
  vi.useRealTimers()
})

/** Pushes a manifest, of which half comes before `meanwhile` and half after it. Answers the status, and that of a pull of the tag. */
async function pushSlowly(
  client: Client,
  meanwhile: () => Promise<unknown>,
  pauseMs: number,
): Promise<number[]> {
  made += 1
  const path = `/v2/slow/app/manifests/t${made}`
  const headers = { Authorization: client.authorization ?? '', 'Content-Type': INDEX }
  const { readable, writable } = new IdentityTransformStream()
  const pushing = send('PUT', path, { headers, body: readable }, closed)
  const writer = writable.getWriter()
  await writer.write(MANIFEST.subarray(0, 10))
  await meanwhile()
  vi.setSystemTime(Date.now() + pauseMs)
  await writer.write(MANIFEST.subarray(10))
  await writer.close()
  const admin = { Authorization: (await newClient({ 'slow/*': ['pull'] })).authorization ?? '' }
  const { status } = await pushing
  return [status, (await send('HEAD', path, { headers: admin }, closed)).status]
}

describe('a manifest whose body takes long', () => {
  it.each<[string, (name: string) => Promise<unknown>, number[]]>([
    ['is taken from who still may push', async () => undefined, [201, 200]],
    [
      'is refused where the account was disabled meanwhile',
      (name) => administer('PATCH', `/accounts/${name}`, { disabled: true }),
      [401, 404],
    ],
    [
      'is refused where the account was deleted meanwhile',
      (name) => administer('DELETE', `/accounts/${name}`),
      [401, 404],
    ],
    [
      'is refused where the grant was taken back meanwhile',
      (name) =>
        administer(
          'DELETE',
          `/grants?principal=account:${name}&pattern=${encodeURIComponent('slow/*')}`,
        ),
      [403, 404],
    ],
  ])('%s', async (_, meanwhile, expected) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const client = await newClient({ 'slow/*': ['pull', 'push'] })
    expect(await pushSlowly(client, () => meanwhile(client.name), 10_000)).toEqual(expected)
  })

  it('is refused with a bearer token too, a minute after a sign-out', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const account = await newClient({ 'slow/*': ['pull', 'push'] })
    const client = await account.bearing('repository:slow/app:pull,push')
    const end = () => administer('POST', `/accounts/${account.name}/sign-out`)
    expect(await pushSlowly(client, end, 61_000)).toEqual([401, 404])
  })
})
