/** jib: images built without a daemon and pushed, pulled by skopeo; one as the base of another. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $, $with } from './command.ts'
import { type Content, readLayout, readRegistry } from './content.ts'
import { MEGABYTE } from './images.ts'
import { fetchJib } from './jib/jib.ts'
import { uploadsOf } from './locations.ts'
import { scratchFor } from './scratch.ts'

suite('jib', () => {
  const scratch = scratchFor('jib')
  let jib: string[] = []
  const files = new Map<string, Buffer>()
  before(async () => {
    jib = await fetchJib()
    for (const [name, size] of [
      ['one.bin', 20 * MEGABYTE],
      ['two.bin', MEGABYTE],
      ['three.txt', 12],
    ] as const) {
      files.set(name, randomBytes(size))
      await writeFile(join(scratch.dir, name), files.get(name) ?? '')
    }
  })
  after(() => scratch.remove())

  /** Builds and pushes an image with a layer for each file; returns its digest. */
  async function push(
    base: string,
    target: string,
    names: string[],
    caches = 'caches',
  ): Promise<string> {
    const run = $with({ cwd: scratch.dir })
    const { stdout } = await run`${jib} ${base} ${target} ${join(scratch.dir, caches)} ${names}`
    return stdout.trim()
  }

  /** Pulls an image with skopeo and asks that its layers hold these files. */
  async function pulledBySkopeo(name: string, names: string[]): Promise<Content> {
    const layout = join(scratch.dir, `${name}-pulled`)
    await $`skopeo copy --src-tls-verify=false docker://${scratch.repository(name)}:v1 oci:${layout}:v1`
    const content = await readLayout(layout)
    const target = `${layout}-files`
    await mkdir(target)
    assert.equal(content.layers?.length, names.length)
    for (const digest of content.layers ?? []) {
      await $`tar -xzf ${join(layout, 'blobs', digest.replace(':', '/'))} -C ${target}`
    }
    for (const file of names) {
      assert.deepEqual(await readFile(join(target, basename(file))), files.get(file), file)
    }
    return content
  }

  test('push an image from scratch: 3 layers', async () => {
    const digest = await push('scratch', `${scratch.repository('scratch')}:v1`, [...files.keys()])
    const stored = await readRegistry(scratch.host, scratch.path('scratch'), 'v1')
    assert.equal(stored.manifest, digest)
    assert.deepEqual(await pulledBySkopeo('scratch', [...files.keys()]), stored)
  })

  test('pull an image as the base of another', async () => {
    files.set('more.bin', randomBytes(MEGABYTE))
    await writeFile(join(scratch.dir, 'more.bin'), files.get('more.bin') ?? '')
    const base = `${scratch.repository('scratch')}:v1`
    // With the caches of the first push it would have no layer to pull.
    const digest = await push(base, `${scratch.repository('based')}:v1`, ['more.bin'], 'no-caches')
    const content = await pulledBySkopeo('based', [...files.keys()])
    assert.equal(content.manifest, digest)
    const { layers = [] } = await readRegistry(scratch.host, scratch.path('scratch'), 'v1')
    assert.deepEqual(content.layers?.slice(0, layers.length), layers)
  })

  test('each request of an upload goes to the Location of the answer before it', async () => {
    const uploads = await uploadsOf(scratch.host, (host) =>
      push('scratch', `${host}/${scratch.path('locations')}:v1`, ['one.bin', 'two.bin']),
    )
    assert.deepEqual(uploads, ['POST PATCH PUT'])
  })
})
