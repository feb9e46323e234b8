/** oras: logins, and with one artifacts, referrers, tags and the list of repositories. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { $with } from './command.ts'
import { readLayout } from './content.ts'
import { type Client, refusal, testLogins } from './logins.ts'
import type { Scratch } from './scratch.ts'

interface Oras extends Client {
  run: ReturnType<typeof $with>
}

async function startClient({ dir, host }: Scratch): Promise<Oras> {
  const env = { DOCKER_CONFIG: join(dir, 'config') }
  const oras = $with({ env, cwd: dir })
  let pulls = 0
  return {
    run: oras,
    async login({ user, password }) {
      const stdin = join(dir, 'password')
      await writeFile(stdin, password)
      const login = $with({ env, stdin })
      await login`oras login --plain-http --username ${user} --password-stdin ${host}`
    },
    logout: () => oras`oras logout ${host}`,
    async push({ layout, content }, reference) {
      await oras`oras copy --no-tty --from-oci-layout --to-plain-http ${layout}:v1 ${reference}`
      return content.config ?? ''
    },
    async pull(reference) {
      const target = join(dir, `pulled-${++pulls}`)
      await oras`oras copy --no-tty --from-plain-http --to-oci-layout ${reference} ${target}:v1`
      return (await readLayout(target)).config ?? ''
    },
    copy: (from, to) => oras`oras copy --no-tty --from-plain-http --to-plain-http ${from} ${to}`,
  }
}

testLogins('oras', startClient, (fixture) => {
  test('push an artifact, attach, discover and pull', async () => {
    const { client, scratch, owner, guest } = fixture()
    await client.login(owner)
    const artifact = `${scratch.repository('artifact')}:v1`
    const type = 'application/vnd.test.sbom'
    await writeFile(join(scratch.dir, 'data.txt'), scratch.host)
    await client.run`oras push --no-tty --plain-http --artifact-type application/vnd.test
      ${artifact} data.txt:text/plain`
    await client.run`oras attach --no-tty --plain-http --artifact-type ${type}
      ${artifact} data.txt:text/plain`
    const discover = ['discover', '--plain-http', '--format', 'json', artifact]
    const { referrers } = JSON.parse((await client.run`oras ${discover}`).stdout)
    assert.deepEqual(
      referrers.map(({ artifactType }: { artifactType: string }) => artifactType),
      [type],
    )
    await client.run`oras pull --no-tty --plain-http --output pulled ${artifact}`
    const { stdout } =
      await client.run`oras repo tags --plain-http ${scratch.repository('artifact')}`
    assert.equal(stdout.trim(), 'v1')
    await client.login(guest)
    await refusal(() => client.run`oras ${discover}`)
  })

  test('repo ls: what the account may pull from', async () => {
    const { client, scratch, owner, guest } = fixture()
    const list = async () => {
      const { stdout } = await client.run`oras repo ls --plain-http ${scratch.host}`
      return stdout.trim().split('\n')
    }
    await client.login(owner)
    const names = ['artifact', 'guest/app', 'mounted', 'private', 'public']
    assert.deepEqual(
      (await list()).filter((name) => name.startsWith(scratch.path(''))),
      names.map(scratch.path),
    )
    await client.login(guest)
    assert.deepEqual(
      (await list()).filter((name) => name.startsWith(scratch.path(''))),
      ['guest/app'].map(scratch.path),
    )
  })
})
