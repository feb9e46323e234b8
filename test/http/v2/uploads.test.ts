/**
 * Beginning and ending an upload, and its id: OCI distribution spec, end-4a, end-13 and end-14. Mounting has mounts.test.ts; what an
 * upload survives has test/uploads/.
 */
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../../src/oci/digest.ts'
import {
  beginUpload,
  bindings,
  errorCodes,
  ORIGIN,
  pushBlob,
  randomBytes,
  send,
} from '../../support/registry.ts'
import {
  expectEnded,
  expectOffset,
  ID,
  idOf,
  nameOf,
  ofLength,
  PART,
  REPOSITORY,
  storedObjects,
  UNKNOWN,
  UPLOADS,
  UUID,
} from '../../support/uploads.ts'

describe('POST begins an upload', () => {
  it.each([UPLOADS, UPLOADS.slice(0, -1)])('%s', async (path) => {
    const response = await send('POST', path, { headers: { 'Content-Length': '0' } })
    expect(response.status).toBe(202)
    const location = response.headers.get('Location') ?? ''
    expect(location.startsWith(`${ORIGIN}${UPLOADS}`)).toBe(true)
    expect(idOf(location)).toMatch(ID)
    const name = response.headers.get('Docker-Upload-UUID') ?? ''
    expect(name).toMatch(UUID)
    expect(nameOf(location)).toBe(name)
    expect(response.headers.get('Range')).toBe('0-0')
    expect(await response.text()).toBe('')
  })

  it.each<[string, Record<string, string>, Record<string, string>, string]>([
    ['absolute', {}, {}, ORIGIN],
    ['relative', { RELATIVE_LOCATIONS: 'true' }, {}, ''],
    ['under a public URL', { PUBLIC_URL: 'https://r.example' }, {}, 'https://r.example'],
    [
      'relative under a public URL',
      { PUBLIC_URL: 'https://r.example', RELATIVE_LOCATIONS: 'true' },
      {},
      '',
    ],
    [
      'without forwarded headers that are not trusted',
      {},
      { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example' },
      ORIGIN,
    ],
    [
      'with trusted forwarded headers',
      { TRUST_FORWARDED: 'true' },
      { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'r.example:8443' },
      'https://r.example:8443',
    ],
    [
      'with the first of several proxies',
      { TRUST_FORWARDED: 'true' },
      { 'X-Forwarded-Proto': 'https, http', 'X-Forwarded-Host': 'r.example, inner' },
      'https://r.example',
    ],
    [
      'with what makes no origin',
      { TRUST_FORWARDED: 'true' },
      { 'X-Forwarded-Host': 'not a host' },
      ORIGIN,
    ],
  ])('with a Location %s, in every answer', async (_, variables, headers, origin) => {
    const environment = { ...bindings, ...variables }
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)

    const begun = await send('POST', UPLOADS, { headers }, environment)
    const location = begun.headers.get('Location') ?? ''
    const isHere = (text: string) => text.startsWith(`${origin}${UPLOADS}`)
    expect(isHere(location)).toBe(true)
    const path = location.slice(origin.length)
    const patched = await send('PATCH', path, { headers, body: bytes }, environment)
    expect(isHere(patched.headers.get('Location') ?? '')).toBe(true)
    const status = await send('GET', path, { headers }, environment)
    expect(isHere(status.headers.get('Location') ?? '')).toBe(true)
    const done = await send('PUT', `${path}?digest=${digest}`, { headers }, environment)
    expect(done.headers.get('Location')).toBe(`${origin}/v2/${REPOSITORY}/blobs/${digest}`)
  })

  it.each(['sha256', 'sha512'])('with digest-algorithm=%s', async (algorithm) => {
    const response = await send('POST', `${UPLOADS}?digest-algorithm=${algorithm}`)
    expect(response.status).toBe(202)
  })

  it.each(['sha384', 'md5', 'SHA256', '', '__proto__'])(
    'not with digest-algorithm=%s',
    async (algorithm) => {
      const response = await send('POST', `${UPLOADS}?digest-algorithm=${algorithm}`)
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['DIGEST_INVALID'])
    },
  )
})

describe('DELETE', () => {
  it.each([0, 10, PART + 1])('gives up an upload of %i bytes', async (length) => {
    const objects = await storedObjects()
    const location = await beginUpload(REPOSITORY)
    if (length > 0) await send('PATCH', location, ofLength(randomBytes(length)))
    const response = await send('DELETE', location)
    expect(response.status).toBe(204)
    expect(response.headers.get('Docker-Upload-UUID')).toBe(nameOf(location))
    await expectEnded(location, UNKNOWN)
    expect(await storedObjects()).toBe(objects)
  })

  it('is not a delete of content: it works if deletes are disabled', async () => {
    const location = await beginUpload(REPOSITORY)
    const environment = { ...bindings, DELETE_ENABLED: 'false' }
    expect((await send('DELETE', location, {}, environment)).status).toBe(204)
  })
})

describe('an upload id', () => {
  const requests: [string, string][] = [
    ['GET', ''],
    ['HEAD', ''],
    ['PATCH', ''],
    ['PUT', `?digest=${UNKNOWN}`],
    ['DELETE', ''],
  ]

  it('belongs to its repository', async () => {
    const location = await beginUpload(REPOSITORY)
    await send('PATCH', location, ofLength(randomBytes(10)))
    await pushBlob('uploads/other', randomBytes(10))
    const foreign = `/v2/uploads/other/blobs/uploads/${idOf(location)}`
    for (const [method, query] of requests) {
      const response = await send(method, `${foreign}${query}`)
      expect(response.status).toBe(404)
      if (method !== 'HEAD') expect(await errorCodes(response)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
    }
    await expectOffset(location, '0-9')
  })

  it('belongs to the caller that began it (CVE-2026-32589)', async () => {
    const environment = {
      ...bindings,
      OPEN_ACCESS: 'false',
      ADMIN_PASSWORD: 'correct horse battery',
    }
    const headers = { Authorization: `Basic ${btoa('admin:correct horse battery')}` }
    const location = await beginUpload(REPOSITORY)
    for (const [method, query] of requests) {
      const response = await send(method, `${location}${query}`, { headers }, environment)
      expect(response.status).toBe(404)
    }
    await expectOffset(location, '0-0')
  })

  it('is signed: another character anywhere makes it unknown', async () => {
    const location = await beginUpload(REPOSITORY)
    for (let at = 1; at <= 52; at += 1) {
      const cut = location.length - at
      const other = location[cut] === 'A' ? 'B' : 'A'
      const tampered = `${location.slice(0, cut)}${other}${location.slice(cut + 1)}`
      expect((await send('GET', tampered)).status).toBe(404)
    }
    await expectOffset(location, '0-0')
  })

  it.each([
    'x',
    'uploads',
    'D95306FA-FAD3-4E36-8D41-CF1C93EF8286',
    'A'.repeat(48),
    'A'.repeat(52),
    'A'.repeat(5000),
    '%00',
    '..%2Fuploads',
    "'--",
    '__proto__',
  ])('that was never issued is unknown: %.60s', async (id) => {
    for (const [method, query] of requests) {
      expect((await send(method, `${UPLOADS}${id}${query}`)).status).toBe(404)
    }
  })
})
