/**
 * I1: every manifest that GET returns hashes to its digest, and everything it references is present in that repository and
 * hashes to its digest, however pushes and deletes interleave.
 */
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { MEDIA_TYPE_OCI_INDEX, MEDIA_TYPE_OCI_MANIFEST } from '../../src/oci/media-types.ts'
import {
  bytesOf,
  errorCodes,
  imageManifest,
  pushBlob,
  pushImage,
  putManifest,
  randomBytes,
  send,
} from '../support/registry.ts'
import { recordCalls, withInterruption } from './faults.ts'

const ROUNDS = 6

/** At each call that `work` makes, and before and after it, everything that `other` does happens; then `check`. */
async function interleaved<T>(
  prepare: () => Promise<{
    work: () => Promise<unknown>
    other: () => Promise<unknown>
    check: (outcome: { work: unknown; other: unknown }) => Promise<T>
  }>,
): Promise<void> {
  const model = await prepare()
  const calls = await recordCalls(model.work)
  for (let call = 1; call <= calls.length; call++) {
    for (const when of ['before', 'after'] as const) {
      const { work, other, check } = await prepare()
      let others: unknown
      const result = await withInterruption({ call, when }, work, async () => {
        others = await other()
      })
      await check({ work: result, other: others })
    }
  }
}

async function status(method: string, path: string): Promise<number> {
  return (await send(method, path)).status
}

/** What is wrong with what the repository serves under `reference`; '' where all is well, or nothing is served. */
async function fault(repository: string, reference: string): Promise<string> {
  const response = await send('GET', `/v2/${repository}/manifests/${reference}`)
  if (response.status === 404) return ''
  const bytes = new Uint8Array(await response.arrayBuffer())
  const digest = response.headers.get('Docker-Content-Digest')
  if ((await digestOf(bytes)) !== digest) return `${reference} is not ${digest}`
  const { config, layers = [], manifests = [] } = JSON.parse(new TextDecoder().decode(bytes))
  for (const child of manifests) {
    if ((await status('GET', `/v2/${repository}/manifests/${child.digest}`)) !== 200) {
      return `the child ${child.digest} is missing`
    }
    const deeper = await fault(repository, child.digest)
    if (deeper !== '') return deeper
  }
  for (const blob of config === undefined ? [] : [config, ...layers]) {
    const got = await send('GET', `/v2/${repository}/blobs/${blob.digest}`)
    if (got.status !== 200) return `the blob ${blob.digest} is missing`
    if ((await digestOf(new Uint8Array(await got.arrayBuffer()))) !== blob.digest) {
      return `the blob ${blob.digest} has other bytes`
    }
  }
  return ''
}

/** Runs all at once, in an order that differs from round to round. */
function shuffled<T>(round: number, work: (() => Promise<T>)[]): Promise<T[]> {
  const order = work.map((_, index) => (index * 7 + round * 5) % work.length)
  const started = new Map(order.map((index) => [index, work[index]?.()]))
  return Promise.all(work.flatMap((_, index) => started.get(index) ?? []))
}

let repositories = 0

function newRepository(): string {
  return `i1/app-${++repositories}`
}

async function expectWhole(repository: string, ...references: string[]): Promise<void> {
  for (const reference of references) expect(await fault(repository, reference)).toBe('')
}

/** Either the manifest is refused, or the deletion is. */
const ONE_OF_BOTH = [
  [201, 405],
  [400, 202],
]

describe('a manifest and the deletion of what it refers to', () => {
  async function imageAndBlob(deleted: 'layer' | 'config') {
    const repository = newRepository()
    const blobs = {
      config: await pushBlob(repository, randomBytes(100)),
      layer: await pushBlob(repository, randomBytes(200)),
    }
    const manifest = imageManifest(blobs.config, [blobs.layer])
    const put = async () => (await putManifest(repository, 'latest', manifest)).status
    const remove = () => status('DELETE', `/v2/${repository}/blobs/${blobs[deleted].digest}`)
    const whole = async () => expectWhole(repository, 'latest', await digestOf(manifest))
    return { put, remove, whole }
  }

  it.each(['layer', 'config'] as const)(
    'its %s: deleted at any moment of the push',
    async (deleted) => {
      await interleaved(async () => {
        const { put, remove, whole } = await imageAndBlob(deleted)
        return {
          work: put,
          other: remove,
          check: async ({ work, other }) => {
            expect(ONE_OF_BOTH).toContainEqual([work, other])
            await whole()
          },
        }
      })
    },
  )

  it('its layer: pushed at any moment of the deletion', async () => {
    await interleaved(async () => {
      const { put, remove, whole } = await imageAndBlob('layer')
      return {
        work: remove,
        other: put,
        check: async ({ work, other }) => {
          expect(ONE_OF_BOTH).toContainEqual([other, work])
          await whole()
        },
      }
    })
  })

  it('a child of an index: deleted at any moment of the push', async () => {
    await interleaved(async () => {
      const repository = newRepository()
      const child = await pushImage(repository, 'child')
      const index = bytesOf(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPE_OCI_INDEX,
          manifests: [
            { mediaType: MEDIA_TYPE_OCI_MANIFEST, digest: child.digest, size: child.bytes.length },
          ],
        }),
      )
      return {
        work: async () =>
          (await putManifest(repository, 'latest', index, MEDIA_TYPE_OCI_INDEX)).status,
        other: async () => {
          const removed = await status('DELETE', `/v2/${repository}/manifests/${child.digest}`)
          await status('DELETE', `/v2/${repository}/blobs/${child.layer.digest}`)
          return removed
        },
        check: async ({ work, other }) => {
          expect(ONE_OF_BOTH).toContainEqual([work, other])
          await expectWhole(repository, 'latest', child.digest)
        },
      }
    })
  })

  it('pushing an image again while it is deleted leaves all of it or nothing of it', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const repository = `i1/apart-${round}`
      const { digest, bytes, config, layer } = await pushImage(repository, 'latest')
      await shuffled(round, [
        () => status('DELETE', `/v2/${repository}/manifests/${digest}`),
        () => status('DELETE', `/v2/${repository}/blobs/${layer.digest}`),
        () => status('DELETE', `/v2/${repository}/blobs/${config.digest}`),
        async () => (await putManifest(repository, 'again', bytes)).status,
        async () => {
          const path = `/v2/${repository}/blobs/uploads/?mount=${layer.digest}&from=${repository}`
          return (await send('POST', path)).status
        },
      ])
      expect(await fault(repository, 'again')).toBe('')
      expect(await fault(repository, digest)).toBe('')
    }
  })

  it('a blob that another repository deletes stays where a manifest refers to it', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [from, to] = [`i1/from-${round}`, `i1/to-${round}`]
      const config = await pushBlob(to, randomBytes(100))
      const layer = await pushBlob(from, randomBytes(200))
      const mount = `/v2/${to}/blobs/uploads/?mount=${layer.digest}&from=${from}`
      const [mounted] = await shuffled(round, [
        () => status('POST', mount),
        () => status('DELETE', `/v2/${from}/blobs/${layer.digest}`),
      ])
      const put = await putManifest(to, 'latest', imageManifest(config, [layer]))
      expect(put.status).toBe(mounted === 201 ? 201 : 400)
      expect(await fault(to, 'latest')).toBe('')
    }
  })
})

describe('a manifest is refused for', () => {
  it('a blob or child that is missing', async () => {
    const layer = { digest: await digestOf(randomBytes(10)), size: 10 }
    const config = await pushBlob('i1/missing', randomBytes(10))
    const put = await putManifest('i1/missing', 'latest', imageManifest(config, [layer]))
    expect(await errorCodes(put)).toEqual(['MANIFEST_BLOB_UNKNOWN'])
    expect(await status('GET', '/v2/i1/missing/manifests/latest')).toBe(404)
  })

  it('bytes that do not match their digest', async () => {
    const digest = await digestOf(randomBytes(10))
    const manifest = await pushImage('i1/other', 'latest')
    expect((await putManifest('i1/other', digest, manifest.bytes)).status).toBe(400)
    const path = `/v2/i1/other/blobs/uploads/?digest=${digest}`
    expect((await send('POST', path, { body: randomBytes(10) })).status).toBe(400)
    expect(await status('GET', `/v2/i1/other/blobs/${digest}`)).toBe(404)
  })
})
