/** oras: artifacts, referrers through the referrers API, copies from and to OCI layouts, blobs, deletion. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $, $with } from './command.ts'
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

suite('oras', () => {
  const scratch = scratchFor('oras')
  after(() => scratch.remove())
  const files = join(scratch.dir, 'files')
  const oras = $with({ cwd: files })
  before(() => mkdir(files))

  for (const [name, what, make] of [
    ['three', '3 layers of 60 MB', (dir: string) => makeImage(dir, THREE_LAYERS)],
    ['large', 'one layer of 300 MB', (dir: string) => makeImage(dir, ONE_LARGE_LAYER)],
    ['umoci', 'a manifest without mediaType', makeUmociImage],
    ['index', 'an index', makeIndex],
  ] as const) {
    test(`copy to the registry and back: ${what}`, async () => {
      const { layout, content } = await make(join(scratch.dir, name))
      const reference = `${scratch.repository(name)}:v1`
      await $`oras copy --no-tty --from-oci-layout --to-plain-http ${layout}:v1 ${reference}`
      assert.deepEqual(await readRegistry(scratch.host, scratch.path(name), 'v1'), content)
      const back = `${layout}-back`
      await $`oras copy --no-tty --from-plain-http --to-oci-layout ${reference} ${back}:v1`
      assert.deepEqual(await readLayout(back), content)
    })
  }

  test('each request of an upload goes to the Location of the answer before it', async () => {
    const { layout } = await makeImage(join(scratch.dir, 'locations'), [MEGABYTE, MEGABYTE])
    const uploads = await uploadsOf(scratch.host, (host) => {
      const reference = `${host}/${scratch.path('locations')}:v1`
      return $`oras copy --no-tty --from-oci-layout --to-plain-http ${layout}:v1 ${reference}`
    })
    assert.deepEqual(uploads, ['POST PUT'])
  })

  const artifact = `${scratch.repository('artifact')}:v1`

  test('push an artifact and pull it', async () => {
    const bytes = randomBytes(MEGABYTE)
    await writeFile(join(files, 'data.bin'), bytes)
    await oras`oras push --no-tty --plain-http --artifact-type application/vnd.test.data
      ${artifact} data.bin:application/octet-stream`
    const stored = await readRegistry(scratch.host, scratch.path('artifact'), 'v1')
    assert.deepEqual(stored.layers, [digestOf(bytes)])
    const target = join(scratch.dir, 'artifact')
    await $`oras pull --no-tty --plain-http --output ${target} ${artifact}`
    assert.deepEqual(await readFile(join(target, 'data.bin')), bytes)
  })

  test('attach and discover through the referrers API, without a fallback tag', async () => {
    const types = ['application/vnd.test.sbom', 'application/vnd.test.signature']
    for (const type of types) {
      await writeFile(join(files, 'attached.txt'), `a ${type}`)
      await oras`oras attach --no-tty --plain-http --artifact-type ${type} ${artifact}
        attached.txt:text/plain`
    }
    assert.deepEqual((await discover([])).sort(), types)
    assert.deepEqual(await discover(['--artifact-type', types[1] ?? '']), [types[1]])
    // oras writes the tag `sha256-<hex>` when the registry's answer carries no OCI-Subject.
    const { stdout } = await $`oras repo tags --plain-http ${scratch.repository('artifact')}`
    assert.deepEqual(stdout.trim().split('\n'), ['v1'])
  })

  async function discover(options: string[]): Promise<string[]> {
    const { stdout } =
      await $`oras discover --plain-http --distribution-spec v1.1-referrers-api --format json
        ${options} ${artifact}`
    const { referrers } = JSON.parse(stdout)
    return referrers.map(({ artifactType }: { artifactType: string }) => artifactType)
  }

  test('copy an artifact with its referrers', async () => {
    const target = scratch.repository('copied')
    await $`oras copy --no-tty --recursive --from-plain-http --to-plain-http
      ${artifact} ${target}:v1`
    const { stdout } = await $`oras discover --plain-http --format json ${target}:v1`
    assert.equal(JSON.parse(stdout).referrers.length, 2)
  })

  test('tag, resolve and list tags', async () => {
    await $`oras tag --plain-http ${artifact} v2 latest`
    const digests = new Set<string>()
    for (const tag of ['v1', 'v2', 'latest']) {
      const reference = `${scratch.repository('artifact')}:${tag}`
      digests.add((await $`oras resolve --plain-http ${reference}`).stdout.trim())
    }
    assert.equal(digests.size, 1)
    const { stdout } = await $`oras repo tags --plain-http ${scratch.repository('artifact')}`
    assert.deepEqual(stdout.trim().split('\n'), ['latest', 'v1', 'v2'])
  })

  test('repo ls', async () => {
    const { stdout } = await $`oras repo ls --plain-http ${scratch.host}`
    const repositories = stdout.trim().split('\n')
    assert.ok(repositories.includes(scratch.path('artifact')))
    assert.ok(repositories.includes(scratch.path('copied')))
  })

  test('push, fetch and delete a blob', async () => {
    const bytes = randomBytes(MEGABYTE)
    await writeFile(join(files, 'blob.bin'), bytes)
    const blob = `${scratch.repository('blob')}@${digestOf(bytes)}`
    await oras`oras blob push --no-tty --plain-http ${blob} blob.bin`
    await oras`oras blob fetch --no-tty --plain-http --output fetched.bin ${blob}`
    assert.deepEqual(await readFile(join(files, 'fetched.bin')), bytes)
    await $`oras blob delete --plain-http --force ${blob}`
    await assert.rejects(oras`oras blob fetch --plain-http --output gone.bin ${blob}`, /not found/)
  })

  test('delete a manifest: its tags go with it', async () => {
    await $`oras manifest delete --plain-http --force ${artifact}`
    for (const tag of ['v1', 'v2', 'latest']) {
      const reference = `${scratch.repository('artifact')}:${tag}`
      await assert.rejects($`oras resolve --plain-http ${reference}`, /not found/)
    }
  })
})
