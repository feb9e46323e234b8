/** docker: an engine of its own (graph driver vfs); load, push, push again, mount, pull by tag and by digest. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $ } from './command.ts'
import { readRegistry, sha256OfFile } from './content.ts'
import { type Docker, startDocker } from './docker-engine.ts'
import { MEGABYTE, makeImage, makeIndex, ONE_LARGE_LAYER, THREE_LAYERS } from './images.ts'
import { uploadsOf } from './locations.ts'
import { recordingProxy } from './recording-proxy.ts'
import { scratchFor } from './scratch.ts'

suite('docker', () => {
  const scratch = scratchFor('docker')
  let engine: Docker | undefined
  before(async () => {
    engine = await startDocker(scratch.dir)
  })
  after(async () => {
    await engine?.stop()
    await scratch.remove()
  })

  function running(): Docker {
    assert.ok(engine)
    return engine
  }

  for (const [name, what, sizes] of [
    ['three', '3 layers of 60 MB', THREE_LAYERS],
    ['large', 'one layer of 300 MB', ONE_LARGE_LAYER],
  ] as const) {
    test(`push and pull: ${what}`, async () => {
      const { run: docker, load, idOf, push } = running()
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

  test('each request of an upload goes to the Location of the answer before it', async () => {
    const { load, push } = running()
    const image = await makeImage(join(scratch.dir, 'locations'), [MEGABYTE, MEGABYTE])
    const uploads = await uploadsOf(scratch.host, async (host) => {
      const reference = `${host}/${scratch.path('locations')}:v1`
      await load(image, reference)
      await push(reference)
    })
    assert.deepEqual(uploads, ['POST PATCH PUT'])
  })

  test('push again, push to another repository (mounts), pull by digest', async () => {
    const { run: docker, load, idOf, push } = running()
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
    const { run: docker, idOf } = running()
    const { layout, content } = await makeIndex(join(scratch.dir, 'index'))
    const reference = `${scratch.repository('index')}:v1`
    await $`skopeo copy --all --dest-tls-verify=false oci:${layout}:v1 docker://${reference}`
    await docker`docker pull --quiet --platform linux/arm64 ${reference}`
    assert.equal(await idOf(reference), content.children?.[1]?.config)
  })

  test('manifest create, push and inspect', async () => {
    const { run: docker, load, push } = running()
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
