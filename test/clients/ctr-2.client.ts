/** ctr 2.x: pushes and pulls through containerd's transfer service, and `--local` as ctr 1.x does, with all layers at once. */
import { join } from 'node:path'
import { test } from 'node:test'
import { testCtr } from './ctr-tests.ts'
import { MEGABYTE, makeImage } from './images.ts'
import { installGoPrograms } from './install.ts'

const TWELVE_LAYERS = Array.from({ length: 12 }, () => 5 * MEGABYTE)

async function programs() {
  const [containerd = '', ctr = ''] = await installGoPrograms('ctr-2')
  return { containerd: join(containerd, 'containerd'), ctr: join(ctr, 'ctr') }
}

testCtr('ctr-2', programs, ({ scratch, pushAndPull }) => {
  test('push and pull: 12 layers at once', async () => {
    const image = await makeImage(join(scratch.dir, 'twelve'), TWELVE_LAYERS)
    await pushAndPull('twelve', image, ['--local', '--max-concurrent-uploaded-layers=12'])
  })
})
