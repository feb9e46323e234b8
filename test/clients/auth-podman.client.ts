/** podman: logins in an auth file of its own. Storage: overlay. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { $with } from './command.ts'
import { type Client, refusal, testLogins } from './logins.ts'
import type { Scratch } from './scratch.ts'

interface Podman extends Client {
  authFile: string
  run: ReturnType<typeof $with>
}

async function startClient({ dir, host }: Scratch): Promise<Podman> {
  const authFile = join(dir, 'auth.json')
  const storage = join(dir, 'storage.conf')
  const root = join(dir, 'storage')
  const lines = ['driver = "overlay"', `graphroot = "${root}"`, `runroot = "${root}-run"`]
  await writeFile(storage, ['[storage]', ...lines].join('\n'))
  const env = { CONTAINERS_STORAGE_CONF: storage, REGISTRY_AUTH_FILE: authFile }
  const podman = $with({ env })
  return {
    authFile,
    run: podman,
    async login({ user, password }) {
      const stdin = join(dir, 'password')
      await writeFile(stdin, password)
      const login = $with({ env, stdin })
      await login`podman login --tls-verify=false --username ${user} --password-stdin ${host}`
    },
    logout: () => podman`podman logout ${host}`,
    async push({ layout }, reference) {
      const id = (await podman`podman pull --quiet oci:${layout}:v1`).stdout.trim()
      await podman`podman push --quiet --tls-verify=false ${id} ${reference}`
      return id
    },
    async pull(reference) {
      await podman`podman rmi --all --force`
      return (await podman`podman pull --quiet --tls-verify=false ${reference}`).stdout.trim()
    },
    async copy(from, to) {
      await podman`podman pull --quiet --tls-verify=false ${from}`
      await podman`podman push --quiet --tls-verify=false ${from} ${to}`
    },
  }
}

testLogins('podman', startClient, (fixture) => {
  test('get-login, search --list-tags, and logout forgets', async () => {
    const { client, scratch, owner } = fixture()
    await client.login(owner)
    const known = await client.run`podman login --get-login ${scratch.host}`
    assert.equal(known.stdout.trim(), owner.user)
    const search = ['search', '--list-tags', '--tls-verify=false', scratch.repository('private')]
    const { stdout } = await client.run`podman ${search}`
    assert.match(stdout, /private +v1\n/)
    await client.logout()
    const kept = JSON.parse(await readFile(client.authFile, 'utf8'))
    assert.deepEqual(kept.auths ?? {}, {})
    await refusal(() => client.run`podman ${search}`)
  })
})
