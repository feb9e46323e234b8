/** skopeo: logins, and what it does besides copying with one: list tags, inspect, delete. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { $with } from './command.ts'
import { readDir } from './content.ts'
import { type Client, refusal, testLogins } from './logins.ts'
import type { Scratch } from './scratch.ts'

interface Skopeo extends Client {
  run: ReturnType<typeof $with>
}

async function startClient({ dir, host }: Scratch): Promise<Skopeo> {
  const env = { REGISTRY_AUTH_FILE: join(dir, 'auth.json') }
  const skopeo = $with({ env })
  let pulls = 0
  return {
    run: skopeo,
    async login({ user, password }) {
      const stdin = join(dir, 'password')
      await writeFile(stdin, password)
      const login = $with({ env, stdin })
      await login`skopeo login --tls-verify=false --username ${user} --password-stdin ${host}`
    },
    logout: () => skopeo`skopeo logout ${host}`,
    async push({ layout, content }, reference) {
      await skopeo`skopeo copy --dest-tls-verify=false oci:${layout}:v1 docker://${reference}`
      return content.config ?? ''
    },
    async pull(reference) {
      const target = join(dir, `pulled-${++pulls}`)
      await skopeo`skopeo copy --src-tls-verify=false docker://${reference} dir:${target}`
      return (await readDir(target)).config ?? ''
    },
    async copy(from, to) {
      const options = ['--src-tls-verify=false', '--dest-tls-verify=false']
      await skopeo`skopeo copy ${options} docker://${from} docker://${to}`
    },
  }
}

testLogins('skopeo', startClient, (fixture) => {
  test('list-tags, inspect and delete', async () => {
    const { client, scratch, image, owner, guest } = fixture()
    await client.login(owner)
    const repository = scratch.repository('deleted')
    await client.push(image, `${repository}:v1`)
    const listTags = ['list-tags', '--tls-verify=false', `docker://${repository}`]
    const inspect = ['inspect', '--tls-verify=false', `docker://${repository}:v1`]
    const remove = ['delete', '--tls-verify=false', `docker://${repository}:v1`]
    assert.deepEqual(JSON.parse((await client.run`skopeo ${listTags}`).stdout).Tags, ['v1'])
    const inspected = JSON.parse((await client.run`skopeo ${inspect}`).stdout)
    assert.equal(inspected.Digest, image.content.manifest)

    await client.login(guest)
    for (const command of [listTags, inspect, remove]) {
      await refusal(() => client.run`skopeo ${command}`)
    }
    await client.login(owner)
    await client.run`skopeo ${remove}`
    await assert.rejects(client.run`skopeo ${inspect}`, /manifest unknown/)
  })
})
