/** docker: logins that its engine uses, what they leave on this machine, and what it says when it may not move a tag. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { $with } from './command.ts'
import { type Docker, startDocker } from './docker-engine.ts'
import { MEGABYTE, makeImage } from './images.ts'
import { type Client, during, isTokenRequest, refusal, testLogins } from './logins.ts'
import type { Scratch } from './scratch.ts'

interface DockerClient extends Client {
  docker: Docker
}

async function startClient({ dir, host }: Scratch): Promise<DockerClient> {
  const docker = await startDocker(dir)
  return {
    docker,
    async login({ user, password }) {
      const stdin = join(dir, 'password')
      await writeFile(stdin, password)
      const login = $with({ env: docker.env, stdin })
      await login`docker login --username ${user} --password-stdin ${host}`
    },
    logout: () => docker.run`docker logout ${host}`,
    async push(image, reference) {
      const id = await docker.load(image, reference)
      await docker.push(reference)
      return id
    },
    async pull(reference) {
      const { stdout } = await docker.run`docker images --quiet --no-trunc`
      const ids = [...new Set(stdout.split('\n').filter((id) => id !== ''))]
      if (ids.length > 0) await docker.run`docker rmi -f ${ids}`
      await docker.run`docker pull --quiet ${reference}`
      return docker.idOf(reference)
    },
    async copy(from, to) {
      await docker.run`docker pull --quiet ${from}`
      await docker.run`docker tag ${from} ${to}`
      await docker.push(to)
    },
    guessesMounts: true,
    demandsPassword: true,
    stop: () => docker.stop(),
  }
}

testLogins('docker', startClient, (fixture, challenge) => {
  test('what docker keeps of a login', async () => {
    const { client, proxy, scratch, owner } = fixture()
    const login = await during(proxy, () => client.login(owner))
    const kept = JSON.parse(await readFile(join(client.docker.config, 'config.json'), 'utf8'))
    const { auth, identitytoken } = kept.auths[scratch.host]
    const [user, password] = Buffer.from(auth, 'base64').toString().split(':')
    assert.equal(user, owner.user)
    if (challenge === 'basic') {
      assert.equal(password, owner.password)
      return
    }
    assert.equal(password, '')
    assert.ok(identitytoken.length > 0)
    const asked = login.filter(({ url }) => url.includes('offline_token=true'))
    assert.deepEqual(
      asked.map(({ method, status }) => [method, status]),
      [['GET', 200]],
    )

    const pull = await during(proxy, () => client.pull(`${scratch.repository('private')}:v1`))
    const tokens = pull.filter(isTokenRequest)
    assert.ok(tokens.length > 0)
    for (const { method, status } of tokens) assert.deepEqual([method, status], ['POST', 200])
  })

  test('an access token that may add tags, and not move them', async () => {
    const { client, registry, scratch, image, owner } = fixture()
    const grants = [{ pattern: scratch.path('created'), actions: ['pull', 'create'] }] as const
    const token = await registry.addToken(owner.user, grants)
    await client.login(token)
    const repository = scratch.repository('created')
    const first = await client.push(image, `${repository}:v1`)
    assert.equal(await client.push(image, `${repository}:v2`), first)

    const other = await makeImage(join(scratch.dir, 'other'), [MEGABYTE / 10])
    const message = await refusal(() => client.push(other, `${repository}:v1`))
    assert.match(
      message,
      /denied: the tag names another manifest, and you may add tags but not move/,
    )
    assert.equal(await client.pull(`${repository}:v1`), first)
    await refusal(() => client.pull(`${scratch.repository('private')}:v1`))
  })
})
