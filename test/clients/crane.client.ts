/** crane: push, pull, copy, digest, manifest, ls, catalog and delete. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { $ } from './command.ts'
import { digestOf, readLayout, readRegistry } from './content.ts'
import {
  MEGABYTE,
  makeImage,
  makeIndex,
  makeUmociImage,
  ONE_LARGE_LAYER,
  THREE_LAYERS,
} from './images.ts'
import { uploadsOf } from './locations.ts'
import { scratchFor } from './scratch.ts'

suite('crane', () => {
  const scratch = scratchFor('crane')
  after(() => scratch.remove())

  for (const [name, what, make] of [
    ['three', '3 layers of 60 MB', (dir: string) => makeImage(dir, THREE_LAYERS)],
    ['large', 'one layer of 300 MB', (dir: string) => makeImage(dir, ONE_LARGE_LAYER)],
    ['umoci', 'a manifest without mediaType', makeUmociImage],
  ] as const) {
    test(`push and pull: ${what}`, async () => {
      const { layout, content } = await make(join(scratch.dir, name))
      const reference = `${scratch.repository(name)}:v1`
      await $`crane push --insecure ${layout} ${reference}`
      assert.deepEqual(await readRegistry(scratch.host, scratch.path(name), 'v1'), content)
      await $`crane pull --insecure --format oci ${reference} ${layout}-back`
      assert.deepEqual(await readLayout(`${layout}-back`), content)
    })
  }

  test('push and pull: an index', async () => {
    const { layout, content } = await makeIndex(join(scratch.dir, 'index'))
    const reference = `${scratch.repository('index')}:v1`
    // crane makes an index of whatever a layout lists, so the one it pushes has ours as its only child.
    await $`crane push --insecure --index ${layout} ${reference}`
    const stored = await readRegistry(scratch.host, scratch.path('index'), 'v1')
    assert.deepEqual(stored.children, [content])
    const child = `${scratch.repository('index')}@${content.manifest}`
    await $`crane pull --insecure --format oci ${child} ${layout}-back`
    assert.deepEqual(await readLayout(`${layout}-back`), content)
  })

  test('each request of an upload goes to the Location of the answer before it', async () => {
    const { layout } = await makeImage(join(scratch.dir, 'locations'), [MEGABYTE, MEGABYTE])
    const uploads = await uploadsOf(
      scratch.host,
      (host) => $`crane push --insecure ${layout} ${host}/${scratch.path('locations')}:v1`,
    )
    assert.deepEqual(uploads, ['POST PATCH PUT'])
  })

  test('copy to another repository, digest and manifest', async () => {
    const target = `${scratch.repository('copied')}:v2`
    await $`crane copy --insecure ${scratch.repository('umoci')}:v1 ${target}`
    const original = await readRegistry(scratch.host, scratch.path('umoci'), 'v1')
    assert.deepEqual(await readRegistry(scratch.host, scratch.path('copied'), 'v2'), original)
    const digest = (await $`crane digest --insecure ${target}`).stdout.trim()
    assert.equal(digest, original.manifest)
    const manifest = (await $`crane manifest --insecure ${target}`).stdout
    assert.equal(digestOf(Buffer.from(manifest)), digest)
  })

  test('tag, ls and catalog', async () => {
    const repository = scratch.repository('copied')
    await $`crane tag --insecure ${repository}:v2 v10`
    const tags = (await $`crane ls --insecure ${repository}`).stdout.trim().split('\n')
    assert.deepEqual(tags, ['v10', 'v2'])
    const { stdout } = await $`crane catalog --insecure ${scratch.host}`
    assert.ok(stdout.split('\n').includes(scratch.path('copied')))
  })

  test('delete by digest', async () => {
    const repository = scratch.repository('copied')
    const digest = (await $`crane digest --insecure ${repository}:v2`).stdout.trim()
    await $`crane delete --insecure ${repository}@${digest}`
    await assert.rejects($`crane manifest --insecure ${repository}:v2`, /MANIFEST_UNKNOWN/)
  })

  test('delete by tag: the manifest stays', async () => {
    const repository = scratch.repository('three')
    const digest = (await $`crane digest --insecure ${repository}:v1`).stdout.trim()
    await $`crane tag --insecure ${repository}:v1 other`
    await $`crane delete --insecure ${repository}:v1`
    await assert.rejects($`crane manifest --insecure ${repository}:v1`, /MANIFEST_UNKNOWN/)
    assert.equal((await $`crane digest --insecure ${repository}:other`).stdout.trim(), digest)
  })
})
