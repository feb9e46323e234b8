/**
 * Reads by digest near a replica that lags: what it has is served at the price of one query, what it lacks the primary is asked
 * for, and what was deleted here does not come back.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import { counted } from '../../support/counting.ts'
import { imageManifest, pushBlob, putManifest, randomBytes, send } from '../../support/registry.ts'
import { asked, catchUp, nearReplica } from '../../support/replica.ts'

const REPOSITORY = 'near/app'
const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`

/** An image with nothing in it but one blob. */
class Image {
  readonly #blob = randomBytes(100)
  digest: Digest = UNKNOWN
  blob: Digest = UNKNOWN

  async push(): Promise<this> {
    const blob = await pushBlob(REPOSITORY, this.#blob)
    const bytes = imageManifest(blob, [])
    expect((await putManifest(REPOSITORY, 'latest', bytes)).status).toBe(201)
    this.digest = await digestOf(bytes)
    this.blob = blob.digest
    return this
  }

  async remove(): Promise<void> {
    for (const path of [`manifests/${this.digest}`, `blobs/${this.blob}`]) {
      expect((await near('DELETE', path)).status).toBe(202)
    }
  }
}

function near(method: string, path: string): Promise<Response> {
  return send(method, `/v2/${REPOSITORY}/${path}`, {}, nearReplica)
}

beforeAll(async () => {
  // Once a minute a pull asks, beside its answer, whether any endpoint wants to hear of pulls.
  const { digest } = await new Image().push()
  await near('GET', `manifests/${digest}`)
})

describe.each<[string, (image: Image) => string]>([
  ['a manifest', ({ digest }) => `manifests/${digest}`],
  ['a blob', ({ blob }) => `blobs/${blob}`],
])('%s by digest', (_, path) => {
  it.each(['GET', 'HEAD'])('costs one query of the replica that has it: %s', async (method) => {
    const image = await new Image().push()
    await catchUp()
    const calls = await asked(async () => {
      expect((await near(method, path(image))).status).toBe(200)
    })
    expect(calls).toEqual({ primary: 0, replica: 1 })
  })

  it.each(['GET', 'HEAD'])('that the replica lacks comes from the primary: %s', async (method) => {
    const image = await new Image().push()
    const calls = await asked(async () => {
      expect((await near(method, path(image))).status).toBe(200)
    })
    expect(calls).toEqual({ primary: 1, replica: 1 })
  })

  it('that nobody has is 404 after the primary was asked', async () => {
    const calls = await asked(async () => {
      expect((await near('GET', path(new Image()))).status).toBe(404)
    })
    expect(calls).toEqual({ primary: 1, replica: 1 })
  })

  it('costs one query if the primary is the nearest, found or not', async () => {
    const image = await new Image().push()
    for (const [of, status] of [
      [image, 200],
      [new Image(), 404],
    ] as const) {
      const { d1 } = await counted(async () => {
        const response = await send('HEAD', `/v2/${REPOSITORY}/${path(of)}`)
        expect(response.status).toBe(status)
      })
      expect(d1).toBe(1)
    }
  })

  it('that was deleted here does not come back from the replica', async () => {
    const image = await new Image().push()
    await catchUp()
    await image.remove()
    for (const method of ['GET', 'HEAD', 'GET']) {
      expect((await near(method, path(image))).status).toBe(404)
    }
  })

  it('that was deleted here and pushed again is found', async () => {
    const image = await new Image().push()
    await catchUp()
    await image.remove()
    await image.push()
    const calls = await asked(async () => {
      expect((await near('GET', path(image))).status).toBe(200)
    })
    expect(calls).toEqual({ primary: 1, replica: 1 })
  })

  it('is limited to its repository, in the replica too', async () => {
    const image = await new Image().push()
    await catchUp()
    const response = await send('GET', `/v2/near/other/${path(image)}`, {}, nearReplica)
    expect(response.status).toBe(404)
  })
})
