/** regctl: image copies, chunked blob uploads (the one client that splits a blob), tags, referrers. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $with } from './command.ts'
import { digestOf, readLayout, readRegistry } from './content.ts'
import {
  MEGABYTE,
  makeImage,
  makeIndex,
  makeUmociImage,
  ONE_LARGE_LAYER,
  THREE_LAYERS,
} from './images.ts'
import { followedUploads, uploadsOf } from './locations.ts'
import { recordingProxy } from './recording-proxy.ts'
import { scratchFor } from './scratch.ts'

suite('regctl', () => {
  const scratch = scratchFor('regctl')
  const env = { REGCTL_CONFIG: join(scratch.dir, 'regctl.json') }
  const $ = $with({ env })
  before(() => $`regctl registry set --tls disabled --skip-check ${scratch.host}`)
  after(() => scratch.remove())

  for (const [name, what, make] of [
    ['three', '3 layers of 60 MB', (dir: string) => makeImage(dir, THREE_LAYERS)],
    ['large', 'one layer of 300 MB', (dir: string) => makeImage(dir, ONE_LARGE_LAYER)],
    ['umoci', 'a manifest without mediaType', makeUmociImage],
    ['index', 'an index', makeIndex],
  ] as const) {
    test(`image copy to the registry and back: ${what}`, async () => {
      const { layout, content } = await make(join(scratch.dir, name))
      const reference = `${scratch.repository(name)}:v1`
      await $`regctl image copy ocidir://${layout}:v1 ${reference}`
      assert.deepEqual(await readRegistry(scratch.host, scratch.path(name), 'v1'), content)
      await $`regctl image copy ${reference} ocidir://${layout}-back:v1`
      assert.deepEqual(await readLayout(`${layout}-back`), content)
    })
  }

  test('image copy between repositories', async () => {
    const source = `${scratch.repository('three')}:v1`
    await $`regctl image copy ${source} ${scratch.repository('copied')}:v1`
    const original = await readRegistry(scratch.host, scratch.path('three'), 'v1')
    assert.deepEqual(await readRegistry(scratch.host, scratch.path('copied'), 'v1'), original)
  })

  test('blob put in chunks with Content-Range, blob get, blob delete', async () => {
    const bytes = randomBytes(23 * MEGABYTE)
    const file = join(scratch.dir, 'blob.bin')
    await writeFile(file, bytes)
    const proxy = await recordingProxy(scratch.host)
    const repository = `${proxy.host}/${scratch.path('chunked')}`
    const digest = digestOf(bytes)
    try {
      await $`regctl registry set --tls disabled --skip-check --blob-max ${6 * MEGABYTE}
        --blob-chunk ${6 * MEGABYTE} ${proxy.host}`
      const put = $with({ env, stdin: file })
      assert.equal((await put`regctl blob put ${repository}`).stdout.trim(), digest)
    } finally {
      proxy.close()
    }
    assert.deepEqual(followedUploads(proxy.exchanges), ['POST PATCH PATCH PATCH PATCH PUT'])
    const chunks = proxy.exchanges.filter(({ method }) => method === 'PATCH')
    assert.deepEqual(
      chunks.map(({ status, headers }) => [status, headers['content-range']]),
      [
        [202, '0-5999999'],
        [202, '6000000-11999999'],
        [202, '12000000-17999999'],
        [202, '18000000-22999999'],
      ],
    )
    const blob = `http://${scratch.host}/v2/${scratch.path('chunked')}/blobs/${digest}`
    const stored = await fetch(blob)
    assert.equal(digestOf(new Uint8Array(await stored.arrayBuffer())), digest)
    await $`regctl blob head ${scratch.repository('chunked')} ${digest}`
    await $`regctl blob delete ${scratch.repository('chunked')} ${digest}`
    assert.equal((await fetch(blob)).status, 404)
  })

  test('each request of an upload goes to the Location of the answer before it', async () => {
    const { layout } = await makeImage(join(scratch.dir, 'locations'), [MEGABYTE, MEGABYTE])
    const uploads = await uploadsOf(scratch.host, async (host) => {
      await $`regctl registry set --tls disabled --skip-check ${host}`
      await $`regctl image copy ocidir://${layout}:v1 ${host}/${scratch.path('locations')}:v1`
    })
    assert.deepEqual(uploads, ['POST PUT'])
  })

  test('manifest head, manifest get and image digest', async () => {
    const reference = `${scratch.repository('three')}:v1`
    const { manifest } = await readRegistry(scratch.host, scratch.path('three'), 'v1')
    assert.equal((await $`regctl manifest head ${reference}`).stdout.trim(), manifest)
    assert.equal((await $`regctl image digest ${reference}`).stdout.trim(), manifest)
    const body = (await $`regctl manifest get --format raw-body ${reference}`).stdout
    assert.equal(digestOf(Buffer.from(body)), manifest)
  })

  test('tag ls and tag delete: the manifest stays', async () => {
    const repository = scratch.repository('three')
    for (const tag of ['v2', 'v10'])
      await $`regctl image copy ${repository}:v1 ${repository}:${tag}`
    assert.deepEqual(await tags(repository), ['v1', 'v10', 'v2'])
    await $`regctl tag delete ${repository}:v1`
    assert.deepEqual(await tags(repository), ['v10', 'v2'])
    await $`regctl manifest head ${repository}:v2`
  })

  async function tags(repository: string): Promise<string[]> {
    return (await $`regctl tag ls ${repository}`).stdout.trim().split('\n')
  }

  test('artifacts and referrers', async () => {
    const subject = `${scratch.repository('copied')}:v1`
    const file = join(scratch.dir, 'sbom.txt')
    await writeFile(file, randomBytes(1000))
    const types = ['application/vnd.test.sbom', 'application/vnd.test.signature']
    for (const type of types) {
      const put = $with({ env, stdin: file })
      await put`regctl artifact put --artifact-type ${type} --subject ${subject}`
    }
    assert.deepEqual((await referrers(subject, [])).sort(), types)
    const filter = ['--filter-artifact-type', types[0] ?? '']
    assert.deepEqual(await referrers(subject, filter), [types[0]])
    assert.deepEqual(await tags(scratch.repository('copied')), ['v1'])
  })

  async function referrers(subject: string, options: string[]): Promise<string[]> {
    const format = '{{json .Descriptors}}'
    const { stdout } = await $`regctl artifact list --format ${format} ${options} ${subject}`
    return JSON.parse(stdout).map(({ artifactType }: { artifactType: string }) => artifactType)
  }

  test('repo ls', async () => {
    const { stdout } = await $`regctl repo ls ${scratch.host}`
    assert.ok(stdout.split('\n').includes(scratch.path('three')))
  })

  test('manifest delete', async () => {
    const reference = `${scratch.repository('umoci')}:v1`
    const digest = (await $`regctl manifest head ${reference}`).stdout.trim()
    await $`regctl manifest delete ${scratch.repository('umoci')}@${digest}`
    const manifest = `http://${scratch.host}/v2/${scratch.path('umoci')}/manifests/${digest}`
    assert.equal((await fetch(manifest, { method: 'HEAD' })).status, 404)
  })
})
