/** `?cascade=unreachable` on the delete of a manifest, and who is told what holds one. */
import { describe, expect, it } from 'vitest'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import { MEDIA_TYPE_OCI_INDEX, MEDIA_TYPE_OCI_MANIFEST } from '../../../src/oci/media-types.ts'
import { type Client, newClient } from '../../support/access-clients.ts'
import { counted } from '../../support/counting.ts'
import {
  bytesOf,
  type ErrorBody,
  type PushedImage,
  pushBlob,
  pushImage,
  putManifest,
  send,
} from '../../support/registry.ts'
import { catchUp, nearReplica } from '../../support/replica.ts'

/** Pushes a fresh index of the image under `tag`, or another index of it. */
async function pushIndex(repository: string, tag: string, child: PushedImage): Promise<Digest> {
  const { digest, bytes } = child
  const index = bytesOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE_OCI_INDEX,
      manifests: [{ mediaType: MEDIA_TYPE_OCI_MANIFEST, digest, size: bytes.length }],
      annotations: { id: crypto.randomUUID() },
    }),
  )
  const response = await putManifest(repository, tag, index, MEDIA_TYPE_OCI_INDEX)
  if (response.status !== 201) throw new Error(await response.text())
  return digestOf(index)
}

/** An image whose index has lost its tag to a later push. */
async function abandoned(repository: string): Promise<{ child: PushedImage; index: Digest }> {
  const child = await pushImage(repository, 'child')
  await send('DELETE', `/v2/${repository}/manifests/child`)
  const index = await pushIndex(repository, 'latest', child)
  await pushIndex(repository, 'latest', await pushImage(repository, 'newer'))
  return { child, index }
}

async function errorOf(response: Response): Promise<ErrorBody['errors'][number] | undefined> {
  const { errors } = await response.json<ErrorBody>()
  return errors[0]
}

describe('the delete of a manifest that was pushed as a blob before', () => {
  it('is refused while a tag reaches it through an index that was pushed meanwhile', async () => {
    const repository = 'cascade/blob-first'
    const image = await pushImage(repository, 'image')
    await send('DELETE', `/v2/${repository}/manifests/image`)
    const entry = {
      mediaType: MEDIA_TYPE_OCI_MANIFEST,
      digest: image.digest,
      size: image.bytes.length,
    }
    const inner = bytesOf(
      JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests: [entry] }),
    )
    const { digest, size } = await pushBlob(repository, inner)
    const outer = bytesOf(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE_OCI_INDEX,
        manifests: [{ mediaType: MEDIA_TYPE_OCI_INDEX, digest, size }],
      }),
    )
    expect((await putManifest(repository, 'v1', outer, MEDIA_TYPE_OCI_INDEX)).status).toBe(201)
    expect((await putManifest(repository, digest, inner, MEDIA_TYPE_OCI_INDEX)).status).toBe(201)
    for (const held of [digest, image.digest]) {
      for (const query of ['', '?cascade=unreachable']) {
        const path = `/v2/${repository}/manifests/${held}${query}`
        expect((await send('DELETE', path)).status).toBe(405)
        expect((await send('GET', `/v2/${repository}/manifests/${held}`)).status).toBe(200)
      }
    }
  })
})

describe('the delete of a manifest that only an untagged index holds', () => {
  it('is refused with a hint at the cascade, which deletes both', async () => {
    const repository = 'cascade/app'
    const { child, index } = await abandoned(repository)
    const path = `/v2/${repository}/manifests/${child.digest}`

    const refused = await send('DELETE', path)
    expect(refused.status).toBe(405)
    expect(await errorOf(refused)).toMatchObject({
      message: expect.stringContaining('?cascade=unreachable'),
      detail: { holders: [{ digest: index, tags: [], tagged: false }] },
    })
    const stale = { headers: { 'If-Match': index } }
    expect((await send('DELETE', `${path}?cascade=unreachable`, stale)).status).toBe(412)

    // The look, the transaction, and the events to announce.
    const removing = counted(async () => {
      expect((await send('DELETE', `${path}?cascade=unreachable`)).status).toBe(202)
    })
    expect(await removing).toMatchObject({ d1: 3, r2Writes: 0, r2Deletes: 0 })
    for (const digest of [child.digest, index]) {
      expect((await send('GET', `/v2/${repository}/manifests/${digest}`)).status).toBe(404)
    }
    expect((await send('GET', `/v2/${repository}/manifests/latest`)).status).toBe(200)
    expect((await send('DELETE', `${path}?cascade=unreachable`)).status).toBe(404)
  })

  it('is not undone by a replica that lags', async () => {
    const { child, index } = await abandoned('cascade/replica')
    await catchUp()
    const path = `/v2/cascade/replica/manifests/${child.digest}?cascade=unreachable`
    expect((await send('DELETE', path, {}, nearReplica)).status).toBe(202)
    for (const digest of [child.digest, index]) {
      const read = await send('GET', `/v2/cascade/replica/manifests/${digest}`, {}, nearReplica)
      expect(read.status).toBe(404)
    }
  })

  it.each([
    ['latest', 'cascade=unreachable'],
    ['digest', 'cascade='],
    ['digest', 'cascade=all'],
    ['digest', 'cascade=Unreachable'],
    ['digest', 'cascade=unreachable&cascade=unreachable'],
  ])('is 400 of a %s with ?%s', async (reference, query) => {
    const repository = 'cascade/bad'
    const { digest } = await pushImage(repository, 'latest')
    const path = `/v2/${repository}/manifests/${reference === 'digest' ? digest : reference}`
    const response = await send('DELETE', `${path}?${query}`)
    expect(response.status).toBe(400)
    expect((await errorOf(response))?.message).toMatch(/^cascade: /)
    expect((await send('GET', path)).status).toBe(200)
  })

  it('is refused if a tag reaches another index of it, and names that index', async () => {
    const repository = 'cascade/tagged'
    const { child } = await abandoned(repository)
    const tagged = await pushIndex(repository, 'stable', child)
    const path = `/v2/${repository}/manifests/${child.digest}`
    const plain = await errorOf(await send('DELETE', path))
    expect(plain?.message).not.toContain('cascade')
    const refused = await send('DELETE', `${path}?cascade=unreachable`)
    expect(refused.status).toBe(405)
    expect(refused.headers.get('Allow')).toBe('GET, HEAD, PUT')
    expect(await errorOf(refused)).toMatchObject({
      code: 'UNSUPPORTED',
      detail: {
        digest: child.digest,
        holders: [{ digest: tagged, tags: ['stable'], tagged: true }],
      },
    })
    expect((await send('GET', path)).status).toBe(200)
  })
})

describe('the list of holders of a manifest or a blob', () => {
  const REPOSITORY = 'cascade/closed'

  async function refusals(client: Client, child: PushedImage): Promise<unknown[]> {
    const paths = [
      `manifests/${child.digest}`,
      `manifests/${child.digest}?cascade=unreachable`,
      `blobs/${child.layer.digest}`,
    ]
    const answers = paths.map(async (path) => {
      const response = await client.send('DELETE', `/v2/${REPOSITORY}/${path}`)
      expect(response.status).toBe(405)
      return (await errorOf(response))?.detail
    })
    return Promise.all(answers)
  }

  it('is shown only to callers who may pull', async () => {
    const child = await pushImage(REPOSITORY, 'child')
    const digest = await pushIndex(REPOSITORY, 'secret-tag', child)
    const index = { digest, tags: ['secret-tag'], tagged: true }
    const image = { digest: child.digest, tags: ['child'], tagged: true }
    const reader = await newClient({ [REPOSITORY]: ['pull', 'delete'] })
    expect(await refusals(reader, child)).toEqual([
      { digest: child.digest, holders: [index] },
      { digest: child.digest, holders: [index] },
      { digest: child.layer.digest, holders: [image] },
    ])
    for (const actions of [['delete'], ['push', 'delete']]) {
      const blind = await newClient({ [REPOSITORY]: actions })
      expect(await refusals(blind, child)).toEqual([
        { digest: child.digest, holders: [] },
        { digest: child.digest, holders: [] },
        { digest: child.layer.digest, holders: [] },
      ])
    }
  })

  it('does not go for who may not delete', async () => {
    const { child, index } = await abandoned(REPOSITORY)
    const writer = await newClient({ [REPOSITORY]: ['pull', 'push'] })
    const path = `/v2/${REPOSITORY}/manifests/${child.digest}`
    expect((await writer.send('DELETE', `${path}?cascade=unreachable`)).status).toBe(403)
    expect((await send('GET', `/v2/${REPOSITORY}/manifests/${index}`)).status).toBe(200)
  })
})
