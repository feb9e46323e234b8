/** ctr: it has no logins, but takes name and password with each command, and sends them to `POST /token`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { $ } from './command.ts'
import { type Containerd, startContainerd } from './containerd.ts'
import { type Client, during, isTokenRequest, refusal, testLogins } from './logins.ts'
import type { Scratch } from './scratch.ts'

const LOCAL = 'localhost/image'

async function startClient({ dir }: Scratch): Promise<Client> {
  const containerd: Containerd = await startContainerd(dir)
  let credentials: string[] = []
  let namespaces = 0

  /** Pulls into a new namespace, which has nothing yet. */
  async function pullFresh(reference: string): Promise<string[]> {
    const ctr = containerd.ctr(`puller-${++namespaces}`)
    await $`${ctr} images pull --plain-http --all-platforms ${credentials} ${reference}`
    return ctr
  }
  return {
    login: async ({ user, password }) => (credentials = ['--user', `${user}:${password}`]),
    logout: async () => (credentials = []),
    async push(image, reference) {
      const ctr = containerd.ctr(`pusher-${++namespaces}`)
      await containerd.load(`pusher-${namespaces}`, image, LOCAL)
      await $`${ctr} images tag ${LOCAL}:v1 ${reference}`
      await $`${ctr} images push --plain-http ${credentials} ${reference}`
      return image.content.config ?? ''
    },
    async pull(reference) {
      const ctr = await pullFresh(reference)
      const listed = (await $`${ctr} images list name==${reference}`).stdout
      const [manifest = ''] = /sha256:[0-9a-f]{64}/.exec(listed) ?? []
      return JSON.parse((await $`${ctr} content get ${manifest}`).stdout).config.digest
    },
    async copy(from, to) {
      const ctr = await pullFresh(from)
      await $`${ctr} images tag ${from} ${to}`
      await $`${ctr} images push --plain-http ${credentials} ${to}`
    },
    stop: () => containerd.stop(),
  }
}

testLogins('ctr', startClient, (fixture, challenge) => {
  if (challenge === 'basic') return
  test('POST /token with a password, GET without one', async () => {
    const { client, proxy, scratch, owner } = fixture()
    const reference = `${scratch.repository('private')}:v1`
    await client.login(owner)
    const pull = await during(proxy, () => client.pull(reference))
    await client.logout()
    const refused = await during(proxy, () => refusal(() => client.pull(reference)))
    for (const [exchanges, wanted] of [
      [pull, 'POST'],
      [refused, 'GET'],
    ] as const) {
      const tokens = exchanges.filter(isTokenRequest)
      assert.ok(tokens.length > 0)
      for (const { method, status } of tokens) assert.deepEqual([method, status], [wanted, 200])
    }
    // It never asks /v2/ first: the challenge of any endpoint has to tell the scope.
    assert.ok(pull.every(({ url }) => url !== '/v2/'))
  })
})
