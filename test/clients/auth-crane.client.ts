/** crane: logins, which it keeps without asking the registry, and with one the catalog. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { $with } from './command.ts'
import { readLayout } from './content.ts'
import { type Client, testLogins } from './logins.ts'
import type { Scratch } from './scratch.ts'

interface Crane extends Client {
  run: ReturnType<typeof $with>
}

async function startClient({ dir, host }: Scratch): Promise<Crane> {
  const env = { DOCKER_CONFIG: join(dir, 'config') }
  const crane = $with({ env })
  let pulls = 0
  return {
    run: crane,
    async login({ user, password }) {
      const stdin = join(dir, 'password')
      await writeFile(stdin, password)
      const login = $with({ env, stdin })
      await login`crane auth login --username ${user} --password-stdin ${host}`
    },
    logout: () => crane`crane auth logout ${host}`,
    async push({ layout, content }, reference) {
      await crane`crane push --insecure ${layout} ${reference}`
      return content.config ?? ''
    },
    async pull(reference) {
      const target = join(dir, `pulled-${++pulls}`)
      await crane`crane pull --insecure --format oci ${reference} ${target}`
      return (await readLayout(target)).config ?? ''
    },
    copy: (from, to) => crane`crane copy --insecure ${from} ${to}`,
  }
}

testLogins('crane', startClient, (fixture) => {
  test('catalog, ls and delete', async () => {
    const { client, scratch, image, owner } = fixture()
    await client.login(owner)
    const repository = scratch.repository('deleted')
    await client.push(image, `${repository}:v1`)
    const { stdout } = await client.run`crane catalog --insecure ${scratch.host}`
    assert.ok(stdout.split('\n').includes(scratch.path('deleted')))
    assert.equal((await client.run`crane ls --insecure ${repository}`).stdout.trim(), 'v1')
    await client.run`crane delete --insecure ${repository}:v1`
    assert.equal((await client.run`crane ls --insecure ${repository}`).stdout.trim(), '')
  })
})
