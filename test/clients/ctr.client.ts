/** ctr: a containerd of its own; push and pull of images and an index between two namespaces. */
import assert from 'node:assert/strict'
import { mkdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $, type Daemon, startDaemon } from './command.ts'
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
  const socket = join(scratch.dir, 'containerd.sock')
  const pusher = ['ctr', '--address', socket, '--namespace', 'pusher']
  const puller = ['ctr', '--address', socket, '--namespace', 'puller']
  let containerd: Daemon | undefined

  before(async () => {
    const config = join(scratch.dir, 'config.toml')
    const lines = [
      'version = 2',
      `root = "${join(scratch.dir, 'root')}"`,
      `state = "${join(scratch.dir, 'state')}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      `[grpc]\naddress = "${socket}"`,
      // Otherwise a pull finds the pusher's blobs and asks the registry for nothing.
      '[plugins."io.containerd.metadata.v1.bolt"]\ncontent_sharing_policy = "isolated"',
      `[plugins."io.containerd.internal.v1.opt"]\npath = "${join(scratch.dir, 'opt')}"`,
    ]
    await writeFile(config, lines.join('\n'))
    const log = join(scratch.dir, 'containerd.log')
    containerd = await startDaemon(['containerd', '--config', config], log, async () => {
      await $`ctr --address ${socket} version`
      return true
    })
  })
  after(async () => {
    await containerd?.stop()
    await scratch.remove()
  })

  /** Imports an image as the pusher, pushes it, pulls it as the puller; returns the reference. */
  async function pushAndPull(name: string, image: Image): Promise<string> {
    const reference = `${scratch.repository(name)}:v1`
    const archive = `${image.layout}.tar`
    await $`tar -C ${image.layout} -cf ${archive} .`
    const local = scratch.repository(name)
    await $`${pusher} images import --all-platforms --no-unpack --base-name ${local} ${archive}`
    await $`${pusher} images push --plain-http ${reference}`
    assert.deepEqual(await readRegistry(scratch.host, scratch.path(name), 'v1'), image.content)

    await $`${puller} images pull --plain-http --all-platforms ${reference}`
    const listed = (await $`${puller} images list name==${reference}`).stdout
    assert.ok(listed.includes(image.content.manifest), listed)
    const stored = (await $`${puller} content list --quiet`).stdout.split('\n')
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
      await $`${puller} images mount ${reference} ${target}`
      for (const { path, sha256 } of image.files) {
        assert.equal(await sha256OfFile(join(target, path)), sha256)
      }
      await $`${puller} images unmount --rm ${target}`
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
