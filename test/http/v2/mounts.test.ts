/** Mounting a blob of another repository: OCI distribution spec, end-11. A mount that cannot be made is an upload that begins. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  errorCodes,
  ORIGIN,
  type PushedBlob,
  pushBlob,
  randomBytes,
  send,
} from '../../support/registry.ts'
import { nameOf } from '../../support/uploads.ts'

const SOURCE = 'mounts/source'
const UNKNOWN = `sha256:${'0'.repeat(64)}`

let blob: PushedBlob

beforeAll(async () => {
  blob = await pushBlob(SOURCE, randomBytes(100))
  await pushBlob('mounts/empty-handed', randomBytes(100))
})

let repositories = 0

function mount(query: string): { target: string; response: Promise<Response> } {
  repositories += 1
  const target = `mounts/target-${repositories}`
  return { target, response: send('POST', `/v2/${target}/blobs/uploads/?${query}`) }
}

describe('a mount', () => {
  it.each<[string, () => string]>([
    ['from a repository', () => `mount=${blob.digest}&from=${SOURCE}`],
    [
      'from a repository, escaped',
      () => `from=mounts%2Fsource&mount=${encodeURIComponent(blob.digest)}`,
    ],
    ['from anywhere', () => `mount=${blob.digest}`],
    ['from anywhere, with an empty from', () => `mount=${blob.digest}&from=`],
  ])('%s is 201', async (_, query) => {
    const { target, response } = mount(query())
    const { status, headers } = await response
    expect(status).toBe(201)
    expect(headers.get('Location')).toBe(`${ORIGIN}/v2/${target}/blobs/${blob.digest}`)
    expect(headers.get('Docker-Content-Digest')).toBe(blob.digest)
    expect(headers.has('Docker-Upload-UUID')).toBe(false)
    expect((await send('HEAD', `/v2/${target}/blobs/${blob.digest}`)).status).toBe(200)
  })

  it('into the repository that has it is 201', async () => {
    const path = `/v2/${SOURCE}/blobs/uploads/?mount=${blob.digest}&from=${SOURCE}`
    expect((await send('POST', path)).status).toBe(201)
  })

  it('outlives the blob in its source', async () => {
    const content = randomBytes(50)
    const { digest } = await pushBlob('mounts/leaving', content)
    const { target, response } = mount(`mount=${digest}&from=mounts/leaving`)
    await response
    await send('DELETE', `/v2/mounts/leaving/blobs/${digest}`)
    const pulled = await send('GET', `/v2/${target}/blobs/${digest}`)
    expect(new Uint8Array(await pulled.arrayBuffer())).toEqual(content)
  })

  it.each<[string, () => string]>([
    ['of an unknown blob', () => `mount=${UNKNOWN}&from=${SOURCE}`],
    ['of an unknown blob from anywhere', () => `mount=${UNKNOWN}`],
    [
      'from a repository that has another one',
      () => `mount=${blob.digest}&from=mounts/empty-handed`,
    ],
    ['from an unknown repository', () => `mount=${blob.digest}&from=mounts/nowhere`],
    ['from what is no repository name', () => `mount=${blob.digest}&from=../${SOURCE}`],
    ['from a pattern', () => `mount=${blob.digest}&from=%25`],
  ])('%s begins an upload, and creates no repository', async (_, query) => {
    const { target, response } = mount(query())
    const { status, headers } = await response
    expect(status).toBe(202)
    expect(headers.get('Range')).toBe('0-0')
    const location = headers.get('Location') ?? ''
    expect(location.startsWith(`${ORIGIN}/v2/${target}/blobs/uploads/`)).toBe(true)
    expect(nameOf(location)).toBe(headers.get('Docker-Upload-UUID'))
    expect((await send('HEAD', `/v2/${target}/blobs/${blob.digest}`)).status).toBe(404)
    expect((await send('GET', `/v2/${target}/tags/list`)).status).toBe(404)
  })

  // docker/distribution begins an upload here too; the spec's main branch asks for 400 on every upload path.
  it.each(['', 'sha256:0', `md5:${'0'.repeat(32)}`])(
    'of the digest "%s" is 400',
    async (digest) => {
      const { status, codes } = await mount(`mount=${digest}&from=${SOURCE}`).response.then(
        async (response) => ({ status: response.status, codes: await errorCodes(response) }),
      )
      expect(status).toBe(400)
      expect(codes).toEqual(['DIGEST_INVALID'])
    },
  )
})
