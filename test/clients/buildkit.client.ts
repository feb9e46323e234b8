/** BuildKit: images that buildkitd builds and pushes; one as the base of another, and its cache, in a buildkitd that has neither. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type Buildkit, startBuildkit } from './buildkit.ts'
import { readRegistry } from './content.ts'
import { MEGABYTE } from './images.ts'
import { uploadsOf } from './locations.ts'
import { scratchFor } from './scratch.ts'

suite('buildkit', () => {
  const scratch = scratchFor('buildkit')
  const context = join(scratch.dir, 'context')
  const files = new Map<string, Buffer>()
  let pusher: Buildkit
  let puller: Buildkit
  before(async () => {
    await mkdir(context)
    for (const [name, size] of [
      ['one.bin', 60 * MEGABYTE],
      ['two.bin', 10 * MEGABYTE],
      ['three.bin', 1000],
    ] as const) {
      files.set(name, randomBytes(size))
      await writeFile(join(context, name), files.get(name) ?? '')
    }
    pusher = await startBuildkit(join(scratch.dir, 'pusher'))
    puller = await startBuildkit(join(scratch.dir, 'puller'))
  })
  after(async () => {
    await pusher?.stop()
    await puller?.stop()
    await scratch.remove()
  })

  const image = `${scratch.repository('image')}:v1`
  const cache = `${scratch.repository('cache')}:v1`

  /** A Dockerfile that copies each file in a layer of its own. */
  const copies = (base: string, names: string[]) =>
    [`FROM ${base}`, ...names.map((name) => `COPY ${name} /${name}`)].join('\n')

  /** Asks that the folder, to which an image was exported, holds these files. */
  async function assertFiles(folder: string, names: string[]): Promise<void> {
    for (const name of names) {
      assert.deepEqual(await readFile(join(folder, name)), files.get(name), name)
    }
  }

  test('build, push and export the cache', async () => {
    const names = [...files.keys()]
    const metadata = join(scratch.dir, 'metadata.json')
    await pusher.build(context, copies('scratch', names), [
      `--metadata-file=${metadata}`,
      `--output=type=image,name=${image},push=true`,
      `--export-cache=type=registry,ref=${cache},mode=max,image-manifest=true`,
    ])
    const stored = await readRegistry(scratch.host, scratch.path('image'), 'v1')
    const { 'containerimage.digest': digest } = JSON.parse(await readFile(metadata, 'utf8'))
    assert.equal(stored.manifest, digest)
    const exported = await readRegistry(scratch.host, scratch.path('cache'), 'v1')
    assert.equal(stored.layers?.length, names.length)
    assert.deepEqual(exported.layers?.sort(), stored.layers.sort())
  })

  test('import the cache: nothing is built again', async () => {
    const names = [...files.keys()]
    const target = join(scratch.dir, 'from-cache')
    const log = await puller.build(context, copies('scratch', names), [
      `--output=type=local,dest=${target}`,
      `--import-cache=type=registry,ref=${cache}`,
    ])
    for (const name of names) assert.match(log, cachedStep(name))
    await assertFiles(target, names)
  })

  /**
   * The two lines by which buildctl tells that the step that copies a file came from a cache. Of the last step it may show the layers that
   * it pulls instead; of a step that is built, it shows neither.
   */
  function cachedStep(name: string): RegExp {
    const step = `^#(\\d+) \\[\\d/\\d\\] COPY ${name} .*\\n`
    return new RegExp(`${step}#\\1 (?:CACHED$|sha256:[0-9a-f]{64} )`, 'm')
  }

  test('pull an image as the base of another', async () => {
    files.set('more.bin', randomBytes(MEGABYTE))
    await writeFile(join(context, 'more.bin'), files.get('more.bin') ?? '')
    await puller.prune()
    const target = join(scratch.dir, 'based')
    await puller.build(context, copies(image, ['more.bin']), [`--output=type=local,dest=${target}`])
    await assertFiles(target, [...files.keys()])
  })

  test('each request of an upload goes to the Location of the answer before it', async () => {
    // What another repository has it mounts, so the file is new.
    await writeFile(join(context, 'new.bin'), randomBytes(MEGABYTE))
    const name = scratch.path('locations')
    const uploads = await uploadsOf(scratch.host, (host) =>
      pusher.build(context, copies('scratch', ['new.bin']), [
        `--output=type=image,name=${host}/${name}:v1,push=true`,
      ]),
    )
    assert.deepEqual(uploads, ['POST PUT'])
  })
})
