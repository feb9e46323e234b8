/** ctr: a containerd of its own; push and pull of images and an index between two namespaces. */
import assert from 'node:assert/strict'
import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $ } from './command.ts'
import { type Containerd, startContainerd } from './containerd.ts'
import { type Content, readRegistry, sha256OfFile } from './content.ts'
import {
  type Image,
  makeImage,
  makeIndex,
  makeUmociImage,
  ONE_LARGE_LAYER,
  THREE_LAYERS,
} from './images.ts'
import { scratchFor } from './scratch.ts'

suite('ctr', () => {
  const scratch = scratchFor('ctr')
  let containerd: Containerd | undefined
  before(async () => {
    containerd = await startContainerd(scratch.dir)
  })
  after(async () => {
    await containerd?.stop()
    await scratch.remove()
  })

  /** The command of one of the two namespaces. */
  function ctr(namespace: 'pusher' | 'puller'): string[] {
    assert.ok(containerd)
    return containerd.ctr(namespace)
  }

  /** Imports an image as the pusher, pushes it, pulls it as the puller; returns the reference. */
  async function pushAndPull(name: string, image: Image): Promise<string> {
    const reference = `${scratch.repository(name)}:v1`
    await containerd?.load('pusher', image, scratch.repository(name))
    await $`${ctr('pusher')} images push --plain-http ${reference}`
    assert.deepEqual(await readRegistry(scratch.host, scratch.path(name), 'v1'), image.content)

    await $`${ctr('puller')} images pull --plain-http --all-platforms ${reference}`
    const listed = (await $`${ctr('puller')} images list name==${reference}`).stdout
    assert.ok(listed.includes(image.content.manifest), listed)
    const stored = (await $`${ctr('puller')} content list --quiet`).stdout.split('\n')
    for (const digest of digestsOf(image.content)) assert.ok(stored.includes(digest), digest)
    return reference
  }

  function digestsOf({ manifest, config, layers = [], children = [] }: Content): string[] {
    const own = [manifest, ...layers, ...(config === undefined ? [] : [config])]
    return [...own, ...children.flatMap(digestsOf)]
  }

  for (const [name, what, sizes] of [
    ['three', '3 layers of 60 MB', THREE_LAYERS],
    ['large', 'one layer of 300 MB', ONE_LARGE_LAYER],
  ] as const) {
    test(`push and pull: ${what}`, async () => {
      const image = await makeImage(join(scratch.dir, name), sizes)
      const reference = await pushAndPull(name, image)
      const target = join(scratch.dir, 'mounted')
      await mkdir(target)
      await $`${ctr('puller')} images mount ${reference} ${target}`
      for (const { path, sha256 } of image.files) {
        assert.equal(await sha256OfFile(join(target, path)), sha256)
      }
      await $`${ctr('puller')} images unmount --rm ${target}`
      await rmdir(target)
    })
  }

  test('push and pull: a manifest without mediaType', async () => {
    await pushAndPull('umoci', await makeUmociImage(join(scratch.dir, 'umoci')))
  })

  test('push and pull: an index', async () => {
    await pushAndPull('index', await makeIndex(join(scratch.dir, 'index')))
  })
})
