/** Changes of manifests with If-Match and If-None-Match: 412 where the thing in the path is not what they ask for. */
import { beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../../src/oci/digest.ts'
import { MEDIA_TYPE_OCI_MANIFEST } from '../../../src/oci/media-types.ts'
import { counted } from '../../support/counting.ts'
import {
  type ErrorBody,
  imageManifest,
  type PushedImage,
  pushImage,
  send,
} from '../../support/registry.ts'

const REPOSITORY = 'preconditions/app'
const OTHER = `sha256:${'0'.repeat(64)}`

let image: PushedImage
let next: Uint8Array<ArrayBuffer>

beforeEach(async () => {
  image = await pushImage(REPOSITORY, 'latest')
  next = imageManifest(image.config, [image.layer], { annotations: { id: crypto.randomUUID() } })
})

function put(reference: string, headers: Record<string, string>, body = next): Promise<Response> {
  const init = { body, headers: { 'Content-Type': MEDIA_TYPE_OCI_MANIFEST, ...headers } }
  return send('PUT', `/v2/${REPOSITORY}/manifests/${reference}`, init)
}

function remove(reference: string, headers: Record<string, string>): Promise<Response> {
  return send('DELETE', `/v2/${REPOSITORY}/manifests/${reference}`, { headers })
}

async function current(): Promise<string | null> {
  const response = await send('HEAD', `/v2/${REPOSITORY}/manifests/latest`)
  return response.headers.get('Docker-Content-Digest')
}

async function expectRefused(response: Response, detail: object): Promise<void> {
  expect(response.status).toBe(412)
  const { errors } = await response.json<ErrorBody>()
  expect(errors).toEqual([{ code: 'DENIED', message: expect.any(String), detail }])
}

describe('PUT by tag', () => {
  it.each<[string, (digest: string) => Record<string, string>, 201 | 412]>([
    ['If-Match of its entity tag', (digest) => ({ 'If-Match': `"${digest}"` }), 201],
    ['If-Match of its bare digest', (digest) => ({ 'If-Match': digest }), 201],
    ['If-Match of a list', (digest) => ({ 'If-Match': `"x", "${digest}"` }), 201],
    ['If-Match of a weak tag', (digest) => ({ 'If-Match': `W/"${digest}"` }), 412],
    ['If-Match of another', () => ({ 'If-Match': `"${OTHER}"` }), 412],
    ['If-Match of anything else', () => ({ 'If-Match': `'); DROP TABLE tags; --` }), 412],
    ['an empty If-Match', () => ({ 'If-Match': '' }), 201],
    ['If-Match of a star', () => ({ 'If-Match': '*' }), 201],
    ['If-Match of a quoted star', () => ({ 'If-Match': '"*"' }), 412],
    ['If-None-Match of a star', () => ({ 'If-None-Match': '*' }), 412],
    ['If-None-Match of its weak tag', (digest) => ({ 'If-None-Match': `W/"${digest}"` }), 412],
    ['If-None-Match of another', () => ({ 'If-None-Match': `"${OTHER}"` }), 201],
  ])('with %s', async (_, headers, status) => {
    const response = await put('latest', headers(image.digest))
    if (status === 412) {
      await expectRefused(response, { Tag: 'latest' })
      expect(await current()).toBe(image.digest)
    } else {
      expect(response.status).toBe(201)
      expect(await current()).toBe(await digestOf(next))
    }
  })

  it('makes a write-once tag', async () => {
    expect((await put('once', { 'If-None-Match': '*' })).status).toBe(201)
    await expectRefused(await put('once', { 'If-None-Match': '*' }), { Tag: 'once' })
  })

  it('is also checked for a large manifest', async () => {
    const annotations = { padding: 'x'.repeat(70_000) }
    const large = imageManifest(image.config, [image.layer], { annotations })
    await expectRefused(await put('latest', { 'If-Match': OTHER }, large), { Tag: 'latest' })
    expect((await put('latest', { 'If-Match': image.digest }, large)).status).toBe(201)
  })

  it('costs no extra round trip', async () => {
    const headers = { 'If-Match': image.digest }
    expect(await counted(() => put('latest', headers))).toMatchObject({ d1: 1 })
  })
})

describe('PUT by digest', () => {
  it('applies to the manifest in the path, whatever tags it sets', async () => {
    const digest = await digestOf(next)
    const path = `${digest}?tag=latest`
    await expectRefused(await put(path, { 'If-Match': '*' }), { Digest: digest })
    expect(await current()).toBe(image.digest)
    expect((await put(path, { 'If-None-Match': '*' })).status).toBe(201)
    expect(await current()).toBe(digest)
    await expectRefused(await put(path, { 'If-None-Match': '*' }), { Digest: digest })
  })
})

describe('DELETE', () => {
  it('of a tag that has moved is refused', async () => {
    await put('latest', {})
    await expectRefused(await remove('latest', { 'If-Match': image.digest }), { Tag: 'latest' })
    const digest = await digestOf(next)
    expect((await remove('latest', { 'If-Match': `"${digest}"` })).status).toBe(202)
    expect((await remove('latest', { 'If-Match': `"${digest}"` })).status).toBe(404)
  })

  it('of a manifest applies to the manifest', async () => {
    const { digest } = image
    await expectRefused(await remove(digest, { 'If-Match': OTHER }), { Digest: digest })
    expect((await remove(digest, { 'If-Match': digest })).status).toBe(202)
    expect((await remove(digest, { 'If-Match': digest })).status).toBe(404)
  })
})
