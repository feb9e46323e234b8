/** Manifests that are too large for their row: read from R2 once for all who pull them at this location. */
import { beforeAll, describe, expect, it } from 'vitest'
import { counted } from '../../support/counting.ts'
import {
  imageManifest,
  type PushedImage,
  pushImage,
  putManifest,
  send,
} from '../../support/registry.ts'

const REPOSITORY = 'large/manifests'
const HERD = 20

let image: PushedImage

beforeAll(async () => {
  image = await pushImage(REPOSITORY, 'small')
  // Once a minute a pull asks, beside its answer, whether any endpoint wants to hear of pulls.
  await send('GET', `/v2/${REPOSITORY}/manifests/small`)
})

/** Pushes one of `kibibytes` that no test has pulled yet. */
async function pushLarge(tag: string, kibibytes: number): Promise<Uint8Array> {
  const padding = { padding: 'x'.repeat(kibibytes * 1024), id: crypto.randomUUID() }
  const bytes = imageManifest(image.config, [image.layer], { annotations: padding })
  expect((await putManifest(REPOSITORY, tag, bytes)).status).toBe(201)
  return bytes
}

async function pulled(reference: string): Promise<Uint8Array> {
  const response = await send('GET', `/v2/${REPOSITORY}/manifests/${reference}`)
  expect(response.status).toBe(200)
  return new Uint8Array(await response.arrayBuffer())
}

describe('a large manifest', () => {
  it.each([65, 3000])(
    'of %i KiB costs R2 one read, and none when it is pulled again',
    async (size) => {
      const bytes = await pushLarge('twice', size)
      for (const r2Reads of [1, 0, 0]) {
        const counts = await counted(async () => {
          expect(Buffer.compare(await pulled('twice'), bytes)).toBe(0)
        })
        expect(counts).toMatchObject({ r2Reads, d1: 1 })
      }
    },
  )

  it('costs one read if many clients pull its tag at once', async () => {
    const bytes = await pushLarge('herd', 100)
    const { r2Reads } = await counted(async () => {
      const herd = await Promise.all(Array.from({ length: HERD }, () => pulled('herd')))
      expect(herd.every((each) => Buffer.compare(each, bytes) === 0)).toBe(true)
    })
    expect(r2Reads).toBe(1)
  })

  it('costs a HEAD no read of R2', async () => {
    await pushLarge('head', 100)
    const { r2Reads } = await counted(() => send('HEAD', `/v2/${REPOSITORY}/manifests/head`))
    expect(r2Reads).toBe(0)
  })

  it('is gone when it is deleted, even if its bytes are cached', async () => {
    await pushLarge('deleted', 100)
    const first = await send('GET', `/v2/${REPOSITORY}/manifests/deleted`)
    const digest = first.headers.get('Docker-Content-Digest') ?? ''
    expect((await send('DELETE', `/v2/${REPOSITORY}/manifests/${digest}`)).status).toBe(202)
    for (const reference of ['deleted', digest]) {
      const response = await send('GET', `/v2/${REPOSITORY}/manifests/${reference}`)
      expect(response.status).toBe(404)
    }
  })

  it('is replaced when the same tag is pushed again', async () => {
    await pushLarge('moved', 100)
    await pulled('moved')
    const bytes = await pushLarge('moved', 100)
    expect(Buffer.compare(await pulled('moved'), bytes)).toBe(0)
  })
})
