/** buildah: images that it builds itself, a manifest list with its children, pulls into other storage. Storage: vfs. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { $ } from './command.ts'
import { readRegistry, sha256OfFile } from './content.ts'
import { MEGABYTE, makeImage, ONE_LARGE_LAYER, THREE_LAYERS } from './images.ts'
import { uploadsOf } from './locations.ts'
import { scratchFor } from './scratch.ts'

suite('buildah', () => {
  const scratch = scratchFor('buildah')
  const pusher = ['buildah', ...storage('pusher')]
  const puller = ['buildah', ...storage('puller')]
  after(() => scratch.remove())

  function storage(name: string): string[] {
    const folder = join(scratch.dir, name)
    return ['--root', folder, '--runroot', `${folder}-run`, '--storage-driver', 'vfs']
  }

  const withDigest = join(scratch.dir, 'digest')

  for (const [name, what, sizes] of [
    ['three', '3 layers of 60 MB', THREE_LAYERS],
    ['large', 'one layer of 300 MB', ONE_LARGE_LAYER],
  ] as const) {
    test(`push and pull: ${what}`, async () => {
      const image = await makeImage(join(scratch.dir, `${name}.oci`), sizes)
      const id = (await $`${pusher} pull --quiet oci:${image.layout}:v1`).stdout.trim()
      const reference = `docker://${scratch.repository(name)}:v1`
      await $`${pusher} push --tls-verify=false --digestfile ${withDigest} ${id} ${reference}`
      const stored = await readRegistry(scratch.host, scratch.path(name), 'v1')
      assert.equal(stored.manifest, await readFile(withDigest, 'utf8'))
      assert.equal(stored.config, `sha256:${id}`)
      assert.equal(stored.layers?.length, sizes.length)

      const pulled = await $`${puller} pull --quiet --tls-verify=false ${reference}`
      assert.equal(pulled.stdout.trim(), id)
      const container = (await $`${puller} from --pull-never ${id}`).stdout.trim()
      const mount = (await $`${puller} mount ${container}`).stdout.trim()
      for (const { path, sha256 } of image.files) {
        assert.equal(await sha256OfFile(join(mount, path)), sha256)
      }
      await $`${puller} rm ${container}`
    })
  }

  test('each request of an upload goes to the Location of the answer before it', async () => {
    const image = await makeImage(join(scratch.dir, 'locations.oci'), [MEGABYTE, MEGABYTE])
    const id = (await $`${pusher} pull --quiet oci:${image.layout}:v1`).stdout.trim()
    const uploads = await uploadsOf(scratch.host, (host) => {
      const reference = `docker://${host}/${scratch.path('locations')}:v1`
      return $`${pusher} push --tls-verify=false ${id} ${reference}`
    })
    assert.deepEqual(uploads, ['POST PATCH PUT'])
  })

  test('build for two platforms, push both with manifest push --all, pull each', async () => {
    const file = join(scratch.dir, 'random.bin')
    const ids = new Map<string, string>()
    for (const architecture of ['amd64', 'arm64']) {
      await writeFile(file, randomBytes(100_000))
      const container = (await $`${pusher} from scratch`).stdout.trim()
      await $`${pusher} copy ${container} ${file} /random.bin`
      await $`${pusher} config --arch ${architecture} --os linux ${container}`
      const id = (
        await $`${pusher} commit --quiet ${container} built-${architecture}`
      ).stdout.trim()
      ids.set(architecture, id)
    }
    await $`${pusher} manifest create list`
    for (const id of ids.values()) await $`${pusher} manifest add list ${id}`
    const reference = `docker://${scratch.repository('list')}:v1`
    await $`${pusher} manifest push --all --tls-verify=false --digestfile ${withDigest} list ${reference}`

    const stored = await readRegistry(scratch.host, scratch.path('list'), 'v1')
    assert.equal(stored.manifest, await readFile(withDigest, 'utf8'))
    assert.deepEqual(
      stored.children?.map(({ config }) => config),
      [...ids.values()].map((id) => `sha256:${id}`),
    )
    for (const [architecture, id] of ids) {
      const pull = ['pull', '--quiet', '--tls-verify=false', '--arch', architecture]
      assert.equal((await $`${puller} ${pull} ${reference}`).stdout.trim(), id)
    }
  })
})
