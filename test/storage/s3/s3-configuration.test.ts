/** What a client and the operator see of a storage that is configured wrongly, and downloads from S3 itself. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { StorageError } from '../../../src/store/bytes/storage-error.ts'
import { withAct } from '../../invariants/faults.ts'
import {
  beginUpload,
  bindings,
  errorCodes,
  pushBlob,
  randomBytes,
  send,
} from '../../support/registry.ts'

const REPOSITORY = 's3/app'

const WRONG: [string, Partial<Env>, string][] = [
  ['no such bucket', { S3_BUCKET: 'none' }, 'check S3_BUCKET'],
  ['an unknown key', { S3_ACCESS_KEY_ID: 'nobody' }, 'check S3_ACCESS_KEY_ID'],
  ['a wrong secret', { S3_SECRET_ACCESS_KEY: 'wrong' }, 'check S3_SECRET_ACCESS_KEY'],
  ['a wrong region', { S3_REGION: 'us-east-1' }, 'check S3_REGION'],
]

afterEach(() => {
  vi.restoreAllMocks()
})

describe.each(WRONG)('with %s', (_, variables, sentence) => {
  const environment = { ...bindings, ...variables }

  it('/readyz is 503, and the log has the sentence', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const response = await send('GET', '/readyz', {}, environment)
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual({ r2: 'failed' })
    expect(log.mock.calls.flat().join()).toContain(sentence)
  })

  it('a push is 503 without the details, and leaves nothing', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=sha256:${'0'.repeat(64)}`
    const body = randomBytes(100)
    const headers = { 'Content-Length': '100' }
    const response = await send('POST', path, { body, headers }, environment)
    expect([response.status, await errorCodes(response)]).toEqual([503, ['UNAVAILABLE']])
    expect(log.mock.calls.flat().join()).toContain(sentence)
  })
})

it('a pull with a wrong secret is 503 and not 404', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const { digest } = await pushBlob(REPOSITORY, randomBytes(1000))
  const path = `/v2/${REPOSITORY}/blobs/${digest}`
  const environment = { ...bindings, S3_SECRET_ACCESS_KEY: 'wrong' }
  expect((await send('GET', path, {}, environment)).status).toBe(503)
  expect((await send('GET', path)).status).toBe(200)
})

it('a chunk is 503, although the error comes from the object of the upload', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const body = randomBytes(6 * 1024 * 1024)
  const location = await beginUpload(REPOSITORY)
  // The first request begins the parts, and may fail: that is tried again with the first part.
  const second = { operation: 's3.send', call: 2, when: 'before' } as const
  const patch = () => send('PATCH', location, { body })
  const answer = await withAct(second, patch, async () => {
    throw new StorageError('unusable', 'the S3 store is full')
  })
  expect([answer.status, await errorCodes(answer)]).toEqual([503, ['UNAVAILABLE']])
})

it.each([
  ['S3_BUCKET', 'berth'],
  ['S3_ACCESS_KEY_ID', 'key'],
  ['S3_SECRET_ACCESS_KEY', 'secret'],
])('%s alone is refused: it would do nothing', async (name, value) => {
  const { S3_ENDPOINT: _, S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, ...rest } = bindings
  const response = await send('GET', '/v2/', {}, { ...rest, [name]: value })
  expect(response.status).toBe(503)
  expect(await response.text()).toContain(`S3_ENDPOINT is not valid: it takes the URL`)
})

it('a large blob is redirected to S3 itself, at a URL that works without a key', async () => {
  const bytes = randomBytes(1024 * 1024)
  const { digest } = await pushBlob(REPOSITORY, bytes)
  const environment = { ...bindings, BLOB_REDIRECT: 'storage', BLOB_REDIRECT_MIN_MIB: '1' }
  const path = `/v2/${REPOSITORY}/blobs/${digest}`
  const response = await send('GET', path, {}, environment)
  expect(response.status).toBe(307)
  const location = response.headers.get('Location') ?? ''
  expect(location.startsWith(`${env.S3_ENDPOINT}/berth/`)).toBe(true)
  const download = await fetch(location, { headers: { Range: 'bytes=5-9' } })
  expect(download.status).toBe(206)
  expect(new Uint8Array(await download.arrayBuffer())).toEqual(bytes.slice(5, 10))
  const other = await fetch(location.replace('X-Amz-Expires=300', 'X-Amz-Expires=301'))
  expect(other.status).toBe(403)
  await other.body?.cancel()
})
