/** What the tests of every ctr have in common: a containerd of its own; push and pull between two namespaces. */
import assert from 'node:assert/strict'
import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $ } from './command.ts'
import { type Containerd, type Programs, startContainerd } from './containerd.ts'
import { type Content, readRegistry, sha256OfFile } from './content.ts'
import {
  type Image,
  MEGABYTE,
  makeImage,
  makeIndex,
  makeUmociImage,
  ONE_LARGE_LAYER,
  THREE_LAYERS,
} from './images.ts'
import { uploadsOf } from './locations.ts'
import { type Scratch, scratchFor } from './scratch.ts'

interface Fixture {
  scratch: Scratch
  /** Imports an image as the pusher, pushes it, pulls it as the puller; returns the reference. */
  pushAndPull(name: string, image: Image, options?: readonly string[]): Promise<string>
}

/**
 * Declares the suite of one version.
 * @param programs its containerd and ctr; without them, Debian's
 * @param more tests of this version alone
 */
export function testCtr(
  version: string,
  programs: () => Promise<Programs | undefined> = async () => undefined,
  more: (fixture: Fixture) => void = () => {},
): void {
  suite(version, () => {
    const scratch = scratchFor(version)
    let containerd: Containerd | undefined
    before(async () => {
      containerd = await startContainerd(scratch.dir, await programs())
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

    async function pushAndPull(
      name: string,
      image: Image,
      options: readonly string[] = [],
    ): Promise<string> {
      const reference = `${scratch.repository(name)}:v1`
      await containerd?.load('pusher', image, scratch.repository(name))
      await $`${ctr('pusher')} images push --plain-http ${options} ${reference}`
      assert.deepEqual(await readRegistry(scratch.host, scratch.path(name), 'v1'), image.content)

      await $`${ctr('puller')} images pull --plain-http --all-platforms ${reference}`
      const listed = (await $`${ctr('puller')} images list name==${reference}`).stdout
      assert.ok(listed.includes(image.content.manifest), listed)
      const stored = (await $`${ctr('puller')} content list --quiet`).stdout.split('\n')
      for (const digest of digestsOf(image.content)) assert.ok(stored.includes(digest), digest)
      return reference
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

    test('each request of an upload goes to the Location of the answer before it', async () => {
      const image = await makeImage(join(scratch.dir, 'locations'), [MEGABYTE, MEGABYTE])
      const uploads = await uploadsOf(scratch.host, async (host) => {
        const repository = `${host}/${scratch.path('locations')}`
        await containerd?.load('pusher', image, repository)
        await $`${ctr('pusher')} images push --plain-http ${repository}:v1`
      })
      assert.deepEqual(uploads, ['POST PUT'])
    })

    more({ scratch, pushAndPull })
  })
}

function digestsOf({ manifest, config, layers = [], children = [] }: Content): string[] {
  const own = [manifest, ...layers, ...(config === undefined ? [] : [config])]
  return [...own, ...children.flatMap(digestsOf)]
}
