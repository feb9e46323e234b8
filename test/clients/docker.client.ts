/** docker: an engine of its own (graph driver vfs); load, push, push again, mount, pull by tag and by digest. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $, $with, type Daemon, startDaemon } from './command.ts'
import { readRegistry, sha256OfFile } from './content.ts'
import { type Image, makeImage, makeIndex, ONE_LARGE_LAYER, THREE_LAYERS } from './images.ts'
import { recordingProxy } from './recording-proxy.ts'
import { scratchFor } from './scratch.ts'

suite('docker', () => {
  const scratch = scratchFor('docker')
  const socket = `unix://${join(scratch.dir, 'docker.sock')}`
  const env = { DOCKER_HOST: socket, DOCKER_CONFIG: join(scratch.dir, 'config') }
  // Debian's client, of the same version as its engine; another one may come first on the PATH.
  const docker = $with({ env: { ...env, PATH: `/usr/bin:${process.env.PATH}` } })
  let engine: Daemon | undefined

  before(async () => {
    const folder = (name: string) => join(scratch.dir, name)
    const options = ['--data-root', folder('data'), '--exec-root', folder('exec')]
    options.push('--pidfile', folder('docker.pid'), '--host', socket, '--storage-driver', 'vfs')
    options.push('--iptables=false', '--ip6tables=false', '--bridge=none')
    engine = await startDaemon(['dockerd', ...options], folder('dockerd.log'), async () => {
      await docker`docker version`
      return true
    })
  })
  after(async () => {
    await engine?.stop()
    await scratch.remove()
  })

  /** Loads an image through a docker archive, the only format that this engine loads; returns its id. */
  async function load(image: Image, name: string): Promise<string> {
    const archive = `${image.layout}.tar`
    await $`skopeo copy oci:${image.layout}:v1 docker-archive:${archive}:${name}`
    await docker`docker load --quiet --input ${archive}`
    return idOf(name)
  }

  async function idOf(reference: string): Promise<string> {
    const format = '{{.Id}}'
    return (await docker`docker image inspect --format ${format} ${reference}`).stdout.trim()
  }

  /** Pushes and returns the manifest digest that docker reports. */
  async function push(reference: string): Promise<string | undefined> {
    const { stdout } = await docker`docker push ${reference}`
    return /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1]
  }

  for (const [name, what, sizes] of [
    ['three', '3 layers of 60 MB', THREE_LAYERS],
    ['large', 'one layer of 300 MB', ONE_LARGE_LAYER],
  ] as const) {
    test(`push and pull: ${what}`, async () => {
      const image = await makeImage(join(scratch.dir, name), sizes)
      const reference = `${scratch.repository(name)}:v1`
      const id = await load(image, reference)
      const digest = await push(reference)
      const stored = await readRegistry(scratch.host, scratch.path(name), 'v1')
      assert.equal(stored.manifest, digest)
      assert.equal(stored.config, id)
      assert.equal(stored.layers?.length, sizes.length)

      await docker`docker rmi -f ${reference}`
      await docker`docker pull --quiet ${reference}`
      assert.equal(await idOf(reference), id)
      const container = (await docker`docker create ${reference}`).stdout.trim()
      for (const { path, sha256 } of image.files) {
        const copy = join(scratch.dir, 'copy')
        await docker`docker cp ${container}:/${path} ${copy}`
        assert.equal(await sha256OfFile(copy), sha256)
      }
      await docker`docker rm ${container}`
      await docker`docker rmi -f ${reference}`
    })
  }

  test('push again, push to another repository (mounts), pull by digest', async () => {
    const proxy = await recordingProxy(scratch.host)
    const first = `${proxy.host}/${scratch.path('first')}`
    const second = `${proxy.host}/${scratch.path('second')}`
    try {
      const id = await load(await makeImage(join(scratch.dir, 'small'), [1e6, 1e6]), `${first}:v1`)
      const digest = await push(`${first}:v1`)

      const uploads = () => proxy.exchanges.filter(({ method }) => method === 'PATCH').length
      const before = uploads()
      assert.equal(await push(`${first}:v1`), digest)
      assert.equal(uploads(), before, 'the second push uploaded something')

      await docker`docker tag ${first}:v1 ${second}:v1`
      assert.equal(await push(`${second}:v1`), digest)
      const mounts = proxy.exchanges.filter(({ url }) => url.includes('mount='))
      assert.deepEqual(
        mounts.map(({ status }) => status),
        [201, 201],
      )
      const stored = await readRegistry(scratch.host, scratch.path('second'), 'v1')
      assert.equal(stored.manifest, digest)

      await docker`docker rmi -f ${first}:v1 ${second}:v1`
      await docker`docker pull --quiet ${second}@${digest ?? ''}`
      assert.equal(await idOf(`${second}@${digest}`), id)
    } finally {
      proxy.close()
    }
  })

  test('pull the own platform of an OCI index', async () => {
    const { layout, content } = await makeIndex(join(scratch.dir, 'index'))
    const reference = `${scratch.repository('index')}:v1`
    await $`skopeo copy --all --dest-tls-verify=false oci:${layout}:v1 docker://${reference}`
    await docker`docker pull --quiet --platform linux/arm64 ${reference}`
    assert.equal(await idOf(reference), content.children?.[1]?.config)
  })

  test('manifest create, push and inspect', async () => {
    const children: string[] = []
    for (const tag of ['one', 'two']) {
      const reference = `${scratch.repository('list')}:${tag}`
      await load(await makeImage(join(scratch.dir, `list-${tag}`), [100_000]), reference)
      await push(reference)
      children.push(reference)
    }
    const list = `${scratch.repository('list')}:both`
    await docker`docker manifest create --insecure ${list} ${children}`
    const digest = (await docker`docker manifest push --insecure ${list}`).stdout.trim()
    const stored = await readRegistry(scratch.host, scratch.path('list'), 'both')
    assert.equal(stored.manifest, digest)
    assert.equal(stored.children?.length, 2)
    const inspected = JSON.parse((await docker`docker manifest inspect --insecure ${list}`).stdout)
    assert.equal(inspected.manifests.length, 2)
  })
})
