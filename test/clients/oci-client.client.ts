/** oci-client: the Rust crate, which sends blobs in chunks of 4 MiB, or whole. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $ } from './command.ts'
import { readRegistry, sha256OfFile } from './content.ts'
import { type Image, MEGABYTE, makeImage } from './images.ts'
import { followedUploads, uploadsOf } from './locations.ts'
import { buildOciClient } from './oci-client/oci-client.ts'
import { recordingProxy } from './recording-proxy.ts'
import { scratchFor } from './scratch.ts'

const CHUNK = 4 * 1024 * 1024

suite('oci-client', () => {
  const scratch = scratchFor('oci-client')
  let client = ''
  let image: Image
  before(async () => {
    client = await buildOciClient()
    image = await makeImage(join(scratch.dir, 'image'), [23 * MEGABYTE, 9 * MEGABYTE, MEGABYTE])
  })
  after(() => scratch.remove())

  for (const [command, how] of [
    ['push', 'in chunks'],
    ['push-whole', 'whole'],
  ] as const) {
    test(`push and pull: 3 layers, ${how}`, async () => {
      const reference = `${scratch.repository(command)}:v1`
      await $`${client} ${command} ${image.layout} ${reference}`
      const stored = await readRegistry(scratch.host, scratch.path(command), 'v1')
      // It writes a manifest of its own.
      assert.deepEqual({ ...stored, manifest: image.content.manifest }, image.content)
      const target = join(scratch.dir, `${command}-pulled`)
      const { stdout } = await $`${client} pull ${reference} ${target}`
      assert.equal(stdout.trim(), stored.manifest)
      const { config, layers = [] } = image.content
      assert.equal(await digestOfFile(join(target, 'config')), config)
      const files = layers.map((_, index) => join(target, `layer-${index + 1}`))
      // It gives layers in the order in which they came, not in that of the manifest.
      assert.deepEqual((await Promise.all(files.map(digestOfFile))).sort(), [...layers].sort())
    })
  }

  async function digestOfFile(path: string): Promise<string> {
    return `sha256:${await sha256OfFile(path)}`
  }

  test('each chunk, and the end, goes to the Location of the answer before it', async () => {
    const proxy = await recordingProxy(scratch.host)
    try {
      await $`${client} push ${image.layout} ${proxy.host}/${scratch.path('chunks')}:v1`
    } finally {
      proxy.close()
    }
    assert.deepEqual(followedUploads(proxy.exchanges), [
      'POST PATCH PATCH PATCH PATCH PATCH PATCH PUT',
      'POST PATCH PATCH PATCH PUT',
      'POST PATCH PUT',
    ])
    const ranges = proxy.exchanges
      .filter(({ method }) => method === 'PATCH')
      .map(({ headers }) => headers['content-range'])
    assert.ok(ranges.includes(`${CHUNK}-${2 * CHUNK - 1}`), ranges.join(', '))
  })

  test('a blob that is sent whole goes to the Location of the first answer', async () => {
    const uploads = await uploadsOf(
      scratch.host,
      (host) => $`${client} push-whole ${image.layout} ${host}/${scratch.path('whole')}:v1`,
    )
    assert.deepEqual(uploads, ['POST PUT'])
  })
})
