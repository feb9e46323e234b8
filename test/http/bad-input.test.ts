/**
 * Bad input: thousands of requests that no good client sends, made from a seed. None of them may be answered with a 5xx, hang,
 * or get an error that is not the OCI envelope; and after them the registry must be as it was.
 */
import { afterAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { ERROR_TABLE } from '../../src/oci/errors.ts'
import { isRepositoryName } from '../../src/oci/name.ts'
import { badManifest } from '../support/bad-manifests.ts'
import {
  type BadRequest,
  badChunk,
  badHeaders,
  badPath,
  badQuery,
  badRange,
  badReference,
  type Targets,
} from '../support/bad-requests.ts'
import { Random } from '../support/random.ts'
import {
  beginUpload,
  ORIGIN,
  type PushedImage,
  pushBlob,
  pushImage,
  randomBytes,
  send,
} from '../support/registry.ts'

const SEED = 20_261_123
const AT_ONCE = 10
const HANG_MS = 5000

let sent = 0

/** What the requests of one kind aim at: of its own, because some of them are good deletes. */
async function freshTargets(kind: string): Promise<Targets & { image: PushedImage }> {
  const repository = `bad/${kind}`
  const image = await pushImage(repository, 'latest')
  const blob = await pushBlob(repository, randomBytes(4096))
  const uploads = await Promise.all([1, 2, 3, 4].map(() => beginUpload(repository)))
  return {
    repository,
    image,
    manifest: image.digest,
    blob: blob.digest,
    uploads: uploads.map((location) => new URL(location).pathname),
  }
}

/** What is wrong with the answer to a bad request; null where nothing is. */
async function faultOf(request: BadRequest): Promise<string | null> {
  const { method, path, headers = {}, body } = request
  sent += 1
  const answer = send(method, `${ORIGIN}${path}`, { headers, ...(body && { body }) })
  const response = await Promise.race([answer, scheduler.wait(HANG_MS).then(() => null)])
  if (response === null) return `no answer in ${HANG_MS} ms`
  const { status } = response
  const content = new TextDecoder().decode(await response.arrayBuffer())
  if (status >= 500) return `${status}: ${content}`
  if (response.headers.get('Docker-Distribution-Api-Version') !== 'registry/2.0')
    return 'no version'
  if (method === 'HEAD' || status === 204 || status === 304) {
    return content === '' ? null : `${status} with a body`
  }
  if (status < 400) return null
  if (status === 405 && !response.headers.has('Allow')) return '405 without Allow'
  if (status === 416 && method === 'GET' && !response.headers.has('Content-Range')) {
    return '416 without Content-Range'
  }
  return isEnvelope(content) ? null : `${status} with no OCI error: ${content.slice(0, 200)}`
}

function isEnvelope(content: string): boolean {
  const body: unknown = JSON.parse(content)
  if (!(body instanceof Object && 'errors' in body)) return false
  const { errors } = body
  return Array.isArray(errors) && errors.length > 0 && errors.every(isError)
}

function isError(error: unknown): boolean {
  if (!(error instanceof Object && 'code' in error && 'message' in error)) return false
  return typeof error.message === 'string' && Object.hasOwn(ERROR_TABLE, String(error.code))
}

describe('bad input', () => {
  it.each<[string, number, (random: Random, targets: Targets, manifest: string) => BadRequest]>([
    ['paths', 700, badPath],
    ['references', 300, badReference],
    ['queries', 400, badQuery],
    ['ranges', 300, badRange],
    ['chunks', 200, badChunk],
    ['headers', 200, badHeaders],
    ['manifests', 900, badManifest],
  ])(
    '%s: %i requests',
    async (kind, count, make) => {
      const random = new Random(SEED)
      const { image, ...targets } = await freshTargets(kind)
      const manifest = new TextDecoder().decode(image.bytes)
      const faults: object[] = []
      for (let begun = 0; begun < count; begun += AT_ONCE) {
        const requests = Array.from({ length: AT_ONCE }, () => make(random, targets, manifest))
        const found = await Promise.all(requests.map(faultOf))
        for (const [index, fault] of found.entries()) {
          if (fault !== null) faults.push({ fault, request: describeRequest(requests[index]) })
        }
      }
      expect(faults, `${kind}, seed ${SEED}`).toEqual([])
    },
    120_000,
  )

  afterAll(() => {
    expect(sent).toBeGreaterThanOrEqual(2000)
  })
})

function describeRequest(request: BadRequest | undefined): string {
  const { body, ...rest } = request ?? {}
  return `${JSON.stringify(rest)} ${body === undefined ? '' : JSON.stringify(new TextDecoder().decode(body.slice(0, 500)))}`
}

describe('after all of it', () => {
  it('the registry serves the same content, except what a valid delete removed', async () => {
    const { digest, bytes, layer } = await pushImage('bad/after', 'latest')
    const pulled = await send('GET', '/v2/bad/after/manifests/latest')
    expect(pulled.headers.get('Docker-Content-Digest')).toBe(digest)
    expect(new Uint8Array(await pulled.arrayBuffer())).toEqual(bytes)
    expect((await send('GET', `/v2/bad/after/blobs/${layer.digest}`)).status).toBe(200)
  })

  it('every repository has a valid name, and every tag bytes that hash to its digest', async () => {
    const catalog = await send('GET', '/v2/_catalog?n=1000')
    const { repositories } = await catalog.json<{ repositories: string[] }>()
    expect(repositories.filter((name) => !isRepositoryName(name))).toEqual([])
    let manifests = 0
    for (const repository of repositories) {
      const list = await send('GET', `/v2/${repository}/tags/list`)
      const { tags } = await list.json<{ tags: string[] }>()
      for (const tag of tags) {
        const headers = { Accept: '*/*' }
        const pulled = await send('GET', `/v2/${repository}/manifests/${tag}`, { headers })
        const digest = await digestOf(new Uint8Array(await pulled.arrayBuffer()))
        expect(pulled.headers.get('Docker-Content-Digest')).toBe(digest)
        manifests += 1
      }
    }
    expect(manifests).toBeGreaterThan(0)
  })
})
