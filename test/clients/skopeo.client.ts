/** skopeo: copy in every direction, indexes, tags, inspection and deletion. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $ } from './command.ts'
import { digestOf, readDir, readLayout, readRegistry } from './content.ts'
import {
  type Image,
  makeImage,
  makeIndex,
  makeUmociImage,
  ONE_LARGE_LAYER,
  THREE_LAYERS,
} from './images.ts'
import { followedUploads } from './locations.ts'
import { recordingProxy } from './recording-proxy.ts'
import { scratchFor } from './scratch.ts'

suite('skopeo', () => {
  const scratch = scratchFor('skopeo')
  const images = new Map<string, Image>()
  before(async () => {
    images.set('three', await makeImage(join(scratch.dir, 'three'), THREE_LAYERS))
    images.set('large', await makeImage(join(scratch.dir, 'large'), ONE_LARGE_LAYER))
    images.set('umoci', await makeUmociImage(join(scratch.dir, 'umoci')))
    images.set('index', await makeIndex(join(scratch.dir, 'index')))
  })
  after(() => scratch.remove())

  const image = (name: string): Image => {
    const found = images.get(name)
    assert.ok(found)
    return found
  }

  for (const [name, what] of [
    ['three', '3 layers of 60 MB'],
    ['large', 'one layer of 300 MB'],
    ['umoci', 'a manifest without mediaType'],
  ] as const) {
    test(`push and pull: ${what}`, async () => {
      const { layout, content } = image(name)
      const reference = `docker://${scratch.repository(name)}:v1`
      await $`skopeo copy --dest-tls-verify=false oci:${layout}:v1 ${reference}`
      assert.deepEqual(await readRegistry(scratch.host, scratch.path(name), 'v1'), content)
      const pulled = join(scratch.dir, `${name}-pulled`)
      await $`skopeo copy --src-tls-verify=false ${reference} dir:${pulled}`
      assert.deepEqual(await readDir(pulled), content)
    })
  }

  test('push an index with --all and pull it back', async () => {
    const { layout, content } = image('index')
    const reference = `docker://${scratch.repository('index')}:v1`
    await $`skopeo copy --all --dest-tls-verify=false oci:${layout}:v1 ${reference}`
    assert.deepEqual(await readRegistry(scratch.host, scratch.path('index'), 'v1'), content)
    const pulled = join(scratch.dir, 'index-pulled')
    await $`skopeo copy --all --src-tls-verify=false ${reference} oci:${pulled}:v1`
    assert.deepEqual(await readLayout(pulled), content)
  })

  test('push a docker-archive: PATCH with chunked encoding', async () => {
    const archive = join(scratch.dir, 'archive.tar')
    await $`skopeo copy oci:${image('umoci').layout}:v1 docker-archive:${archive}:archive:v1`
    const proxy = await recordingProxy(scratch.host)
    try {
      const reference = `docker://${proxy.host}/${scratch.path('archive')}:v1`
      await $`skopeo copy --dest-tls-verify=false docker-archive:${archive} ${reference}`
    } finally {
      proxy.close()
    }
    assert.deepEqual(followedUploads(proxy.exchanges), ['POST PATCH PUT'])
    const chunked = proxy.exchanges.filter(
      ({ method, headers }) => method === 'PATCH' && headers['transfer-encoding'] === 'chunked',
    )
    assert.deepEqual(
      chunked.map(({ status }) => status),
      [202],
    )
    await readRegistry(scratch.host, scratch.path('archive'), 'v1')
  })

  test('copy from repository to repository: mounts', async () => {
    const proxy = await recordingProxy(scratch.host)
    try {
      const source = `docker://${proxy.host}/${scratch.path('umoci')}:v1`
      // skopeo mounts only what it knows to be on the same host, so it must have pushed there itself.
      await $`skopeo copy --dest-tls-verify=false oci:${image('umoci').layout}:v1 ${source}`
      const target = `docker://${proxy.host}/${scratch.path('mounted')}:v1`
      await $`skopeo copy --src-tls-verify=false --dest-tls-verify=false ${source} ${target}`
    } finally {
      proxy.close()
    }
    const mounts = proxy.exchanges.filter(({ url }) => url.includes('mount='))
    assert.ok(mounts.length > 0, 'skopeo tried no mount')
    assert.ok(mounts.every(({ status }) => status === 201))
    const { content } = image('umoci')
    assert.deepEqual(await readRegistry(scratch.host, scratch.path('mounted'), 'v1'), content)
  })

  test('list-tags', async () => {
    const repository = `docker://${scratch.repository('umoci')}`
    const { layout } = image('umoci')
    for (const tag of ['v2', 'a-tag', '1.0']) {
      await $`skopeo copy --dest-tls-verify=false oci:${layout}:v1 ${repository}:${tag}`
    }
    const { stdout } = await $`skopeo list-tags --tls-verify=false ${repository}`
    assert.deepEqual(JSON.parse(stdout).Tags, ['1.0', 'a-tag', 'v1', 'v2'])
  })

  test('inspect, inspect --config and inspect --raw', async () => {
    const reference = `docker://${scratch.repository('three')}:v1`
    const { manifest, config, layers } = image('three').content
    const inspected = JSON.parse((await $`skopeo inspect --tls-verify=false ${reference}`).stdout)
    assert.equal(inspected.Digest, manifest)
    assert.deepEqual(inspected.Layers, layers)
    const raw = await $`skopeo inspect --raw --tls-verify=false ${reference}`
    assert.equal(digestOf(Buffer.from(raw.stdout)), manifest)
    const rawConfig = await $`skopeo inspect --raw --config --tls-verify=false ${reference}`
    assert.equal(digestOf(Buffer.from(rawConfig.stdout)), config)
  })

  test('delete: the manifest and every tag of it are gone', async () => {
    const reference = `docker://${scratch.repository('umoci')}`
    await $`skopeo copy --dest-tls-verify=false oci:${image('three').layout}:v1 ${reference}:kept`
    await $`skopeo delete --tls-verify=false ${reference}:v2`
    await assert.rejects($`skopeo inspect --tls-verify=false ${reference}:v1`, /manifest unknown/)
    const { stdout } = await $`skopeo list-tags --tls-verify=false ${reference}`
    assert.deepEqual(JSON.parse(stdout).Tags, ['kept'])
  })
})
