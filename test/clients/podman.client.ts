/** podman: push and pull by tag and digest, zstd:chunked with partial pulls, search. Storage: overlay. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $, $with } from './command.ts'
import { readRegistry, sha256OfFile } from './content.ts'
import {
  type Image,
  MEGABYTE,
  makeImage,
  makeIndex,
  ONE_LARGE_LAYER,
  THREE_LAYERS,
} from './images.ts'
import { uploadsOf } from './locations.ts'
import { recordingProxy } from './recording-proxy.ts'
import { scratchFor } from './scratch.ts'

suite('podman', () => {
  const scratch = scratchFor('podman')
  const pusher = podmanWithStorage('pusher')
  const puller = podmanWithStorage('puller')

  /** A podman with storage of its own, which pulls partially where it can. */
  function podmanWithStorage(name: string): typeof $ {
    const file = join(scratch.dir, `${name}.conf`)
    return $with({ env: { CONTAINERS_STORAGE_CONF: file } })
  }

  before(async () => {
    for (const name of ['pusher', 'puller']) {
      const lines = [
        '[storage]',
        'driver = "overlay"',
        `graphroot = "${join(scratch.dir, name)}"`,
        `runroot = "${join(scratch.dir, `${name}-run`)}"`,
        '[storage.options]',
        'pull_options = {enable_partial_images = "true", use_hard_links = "false", ostree_repos = ""}',
      ]
      await writeFile(join(scratch.dir, `${name}.conf`), lines.join('\n'))
    }
  })
  after(() => scratch.remove())

  /** Pushes an image of the pusher's storage and returns the manifest digest that podman reports. */
  async function push(id: string, reference: string, options: string[] = []): Promise<string> {
    const file = join(scratch.dir, 'digest')
    await pusher`podman push --tls-verify=false --digestfile ${file} ${options} ${id} ${reference}`
    return readFile(file, 'utf8')
  }

  async function load(image: Image): Promise<string> {
    return (await pusher`podman pull --quiet oci:${image.layout}:v1`).stdout.trim()
  }

  for (const [name, what, sizes] of [
    ['three', '3 layers of 60 MB', THREE_LAYERS],
    ['large', 'one layer of 300 MB', ONE_LARGE_LAYER],
  ] as const) {
    test(`push and pull: ${what}`, async () => {
      const image = await makeImage(join(scratch.dir, `${name}.oci`), sizes)
      const id = await load(image)
      const repository = scratch.repository(name)
      const digest = await push(id, `${repository}:v1`)
      const stored = await readRegistry(scratch.host, scratch.path(name), 'v1')
      assert.equal(stored.manifest, digest)
      assert.equal(stored.config, `sha256:${id}`)
      assert.equal(stored.layers?.length, sizes.length)

      const pulled = await puller`podman pull --quiet --tls-verify=false ${repository}:v1`
      assert.equal(pulled.stdout.trim(), id)
      const format = '{{.Digest}}'
      const inspected = await puller`podman image inspect --format ${format} ${id}`
      assert.equal(inspected.stdout.trim(), digest)
      const mount = (await puller`podman image mount ${id}`).stdout.trim()
      for (const { path, sha256 } of image.files) {
        assert.equal(await sha256OfFile(join(mount, path)), sha256)
      }
      await puller`podman image unmount ${id}`
    })
  }

  test('pull by digest', async () => {
    const id = await load(await makeImage(join(scratch.dir, 'small.oci'), [100_000]))
    const digest = await push(id, `${scratch.repository('small')}:v1`)
    const reference = `${scratch.repository('small')}@${digest}`
    const pulled = await puller`podman pull --quiet --tls-verify=false ${reference}`
    assert.equal(pulled.stdout.trim(), id)
  })

  test('each request of an upload goes to the Location of the answer before it', async () => {
    const id = await load(await makeImage(join(scratch.dir, 'locations.oci'), [MEGABYTE, MEGABYTE]))
    const uploads = await uploadsOf(scratch.host, (host) =>
      push(id, `${host}/${scratch.path('locations')}:v1`),
    )
    assert.deepEqual(uploads, ['POST PATCH PUT'])
  })

  test('pull the own platform of an index', async () => {
    const { layout, content } = await makeIndex(join(scratch.dir, 'index.oci'))
    const reference = `${scratch.repository('index')}:v1`
    await $`skopeo copy --all --dest-tls-verify=false oci:${layout}:v1 docker://${reference}`
    const pulled = await puller`podman pull --quiet --tls-verify=false --arch arm64 ${reference}`
    assert.equal(`sha256:${pulled.stdout.trim()}`, content.children?.[1]?.config)
  })

  test('zstd:chunked: a pull that fetches only what is new, several ranges in one request', async () => {
    const first = new Map<string, Buffer>()
    for (let n = 0; n < 10; n++) first.set(`file-${n}`, randomBytes(50_000))
    const second = new Map(first)
    for (let n = 0; n < 10; n += 2) second.set(`file-${n}`, randomBytes(50_000))

    const proxy = await recordingProxy(scratch.host)
    const zstd = ['--compression-format', 'zstd:chunked']
    try {
      for (const [tag, files] of [
        ['first', first],
        ['second', second],
      ] as const) {
        const id = await build(tag, files)
        const reference = `${proxy.host}/${scratch.path('zstd')}:${tag}`
        await push(id, reference, zstd)
        await readRegistry(scratch.host, scratch.path('zstd'), tag)
        await puller`podman pull --quiet --tls-verify=false ${reference}`
        const mount = (await puller`podman image mount ${id}`).stdout.trim()
        for (const [name, bytes] of files) {
          assert.deepEqual(await readFile(join(mount, 'data', name)), bytes, name)
        }
        await puller`podman image unmount ${id}`
      }
    } finally {
      proxy.close()
    }
    const several = proxy.exchanges.filter(({ headers }) => headers.range?.includes(','))
    assert.ok(several.length > 0, 'podman asked for no more than one range at a time')
    for (const { status, answer } of several) {
      assert.equal(status, 206)
      assert.match(answer['content-type'] ?? '', /^multipart\/byteranges/)
    }
  })

  /** Builds an image with one layer that holds these files, in the pusher's storage. */
  async function build(name: string, files: Map<string, Buffer>): Promise<string> {
    const source = join(scratch.dir, `${name}-files`)
    await mkdir(source)
    for (const [file, bytes] of files) await writeFile(join(source, file), bytes)
    const container = (await pusher`buildah from scratch`).stdout.trim()
    await pusher`buildah copy --quiet ${container} ${source} /data`
    return (await pusher`buildah commit --quiet ${container}`).stdout.trim()
  }

  test('search --list-tags', async () => {
    const repository = scratch.repository('zstd')
    const { stdout } = await $`podman search --list-tags --tls-verify=false ${repository}`
    const tags = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/)[1])
    assert.deepEqual(tags, ['TAG', 'first', 'second'])
  })
})
