/** Who may push or delete but not pull is refused as anybody is, and is told nothing that only a pull would tell. */
import { beforeAll, describe, expect, it } from 'vitest'
import { MEDIA_TYPE_OCI_INDEX } from '../../src/oci/media-types.ts'
import { type Client, newClient } from '../support/access-clients.ts'
import {
  bytesOf,
  imageManifest,
  type PushedBlob,
  type PushedImage,
  pushBlob,
  pushImage,
  randomBytes,
} from '../support/registry.ts'

const PATH = '/v2/blind/app/manifests'
const SIZE = 54_321

let layer: PushedBlob
let image: PushedImage
let reader: Client
let blind: Client
let creator: Client

beforeAll(async () => {
  layer = await pushBlob('blind/app', randomBytes(SIZE))
  image = await pushImage('blind/app', 'secret-tag')
  reader = await newClient({ 'blind/*': ['pull', 'push', 'delete'] })
  blind = await newClient({ 'blind/*': ['push', 'delete'] })
  creator = await newClient({ 'blind/*': ['create'] })
})

function withWrongSize(extra: object = {}): Uint8Array<ArrayBuffer> {
  return imageManifest(image.config, [{ ...layer, size: 7 }], extra)
}

function indexWithWrongSize(): Uint8Array<ArrayBuffer> {
  const entry = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: image.digest }
  const manifests = [{ ...entry, size: 7 }]
  return bytesOf(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests }))
}

async function told(response: Promise<Response>): Promise<string> {
  const { status, headers, ...answer } = await response.then(async (got) => ({
    status: got.status,
    headers: [...got.headers].join('\n'),
    text: await got.text(),
  }))
  expect(status).toBeGreaterThanOrEqual(400)
  return `${status} ${headers} ${answer.text}`
}

describe('the size of a blob, asked for by a manifest with a wrong size', () => {
  // Over 64 KiB a manifest is checked before it is stored.
  const LARGE = { annotations: { text: 'x'.repeat(70_000) } }

  it.each([
    ['a small manifest', {}],
    ['a large one', LARGE],
  ])('is shown only to callers who may pull: %s', async (_, extra) => {
    const push = (client: Client) => client.putManifest(`${PATH}/new`, withWrongSize(extra))
    expect(await told(push(reader))).toContain(String(SIZE))
    for (const client of [blind, creator]) {
      const text = await told(push(client))
      expect(text).toContain('MANIFEST_INVALID')
      expect(text).toContain(layer.digest)
      expect(text).not.toContain(String(SIZE))
    }
  })

  it('is shown only to callers who may pull: a manifest that an index names', async () => {
    const push = (client: Client) =>
      client.putManifest(`${PATH}/new`, indexWithWrongSize(), MEDIA_TYPE_OCI_INDEX)
    const size = ` ${image.bytes.length}\\b`
    expect(await told(push(reader))).toMatch(new RegExp(`it has${size}`))
    expect(await told(push(blind))).not.toMatch(new RegExp(size))
  })
})

describe('the manifest that a tag names', () => {
  it('is not shown to a caller who may add tags but not pull', async () => {
    const other = imageManifest(image.config, [layer])
    const text = await told(creator.putManifest(`${PATH}/fresh?tag=secret-tag`, other))
    expect(text).toContain('DENIED')
    expect(text).not.toContain('secret-tag')
    expect(text).not.toContain('names')
    expect(text).not.toContain(image.digest)
  })
})

describe('a delete that is refused', () => {
  it('names nothing of the repository except what it was asked to delete', async () => {
    for (const path of [`/v2/blind/app/blobs/${image.layer.digest}`]) {
      const text = await told(blind.send('DELETE', path))
      expect(text).toContain('UNSUPPORTED')
      for (const mark of [image.digest, image.config.digest, 'secret-tag', '1024']) {
        expect(text).not.toContain(mark)
      }
    }
  })
})
