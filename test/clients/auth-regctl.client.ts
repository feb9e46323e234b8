/** regctl: logins in a configuration of its own, and with one the lists and deletion. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { $with } from './command.ts'
import { readLayout } from './content.ts'
import { type Client, testLogins } from './logins.ts'
import type { Scratch } from './scratch.ts'

interface Regctl extends Client {
  run: ReturnType<typeof $with>
}

async function startClient({ dir, host }: Scratch): Promise<Regctl> {
  const env = { REGCTL_CONFIG: join(dir, 'regctl.json'), DOCKER_CONFIG: join(dir, 'config') }
  const regctl = $with({ env })
  const reach = () => regctl`regctl registry set --tls disabled --skip-check ${host}`
  await reach()
  let pulls = 0
  return {
    run: regctl,
    async login({ user, password }) {
      const stdin = join(dir, 'password')
      await writeFile(stdin, password)
      const login = $with({ env, stdin })
      await login`regctl registry login --user ${user} --pass-stdin ${host}`
    },
    logout: () => regctl`regctl registry logout ${host}`,
    async push({ layout, content }, reference) {
      await regctl`regctl image copy ocidir://${layout}:v1 ${reference}`
      return content.config ?? ''
    },
    async pull(reference) {
      const target = join(dir, `pulled-${++pulls}`)
      await regctl`regctl image copy ${reference} ocidir://${target}:v1`
      return (await readLayout(target)).config ?? ''
    },
    copy: (from, to) => regctl`regctl image copy ${from} ${to}`,
    guessesMounts: true,
  }
}

testLogins('regctl', startClient, (fixture) => {
  test('repo ls, tag ls and tag delete', async () => {
    const { client, scratch, image, owner } = fixture()
    await client.login(owner)
    const repository = scratch.repository('deleted')
    for (const tag of ['v1', 'v2']) await client.push(image, `${repository}:${tag}`)
    const { stdout } = await client.run`regctl repo ls ${scratch.host}`
    assert.ok(stdout.split('\n').includes(scratch.path('deleted')))
    await client.run`regctl tag delete ${repository}:v1`
    assert.equal((await client.run`regctl tag ls ${repository}`).stdout.trim(), 'v2')
  })
})
