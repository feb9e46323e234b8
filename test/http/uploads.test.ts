/**
 * Beginning and ending an upload, and its id: OCI distribution spec, end-4a, end-13 and end-14. Mounting has mounts.test.ts; what an
 * upload survives has test/uploads/.
 */
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { sessionNameOf } from '../../src/uploads/upload-id.ts'
import {
  beginUpload,
  bindings,
  errorCodes,
  ORIGIN,
  pushBlob,
  randomBytes,
  send,
} from '../support/registry.ts'
import {
  type Bytes,
  expectEnded,
  expectOffset,
  ID,
  ofLength,
  PART,
  put,
  REPOSITORY,
  storedObjects,
  UNKNOWN,
  UPLOADS,
} from '../support/uploads.ts'

describe('POST begins an upload', () => {
  it.each([UPLOADS, UPLOADS.slice(0, -1)])('%s', async (path) => {
    const response = await send('POST', path, { headers: { 'Content-Length': '0' } })
    expect(response.status).toBe(202)
    const id = response.headers.get('Docker-Upload-UUID') ?? ''
    expect(id).toMatch(ID)
    expect(response.headers.get('Location')).toBe(`${ORIGIN}${UPLOADS}${id}`)
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
    expect(location).toBe(`${origin}${UPLOADS}${begun.headers.get('Docker-Upload-UUID')}`)
    const path = location.slice(origin.length)
    const patched = await send('PATCH', path, { headers, body: bytes }, environment)
    expect(patched.headers.get('Location')).toBe(location)
    const status = await send('GET', path, { headers }, environment)
    expect(status.headers.get('Location')).toBe(location)
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
    expect(response.headers.get('Docker-Upload-UUID')).toBe(location.slice(-48))
    await expectEnded(location, UNKNOWN)
    expect(await storedObjects()).toBe(objects)
  })

  it('is no delete of content: it works where those are off', async () => {
    const location = await beginUpload(REPOSITORY)
    const environment = { ...bindings, DELETE_ENABLED: 'false' }
    expect((await send('DELETE', location, {}, environment)).status).toBe(204)
  })
})

describe('the object of an upload', () => {
  const nameOf = (location: string) => sessionNameOf(location.slice(location.lastIndexOf('/') + 1))
  const digestQuery = async (bytes: Bytes) => `?digest=${await digestOf(bytes)}`

  it('has the next one when that is committed, whosever it is', async () => {
    const bytes = randomBytes(10)
    const closing = await digestQuery(bytes)
    const first = await beginUpload(REPOSITORY)
    const beside = await beginUpload(REPOSITORY)
    expect((await send('PATCH', first, { body: bytes })).status).toBe(202)
    expect((await send('PUT', `${first}${closing}`)).status).toBe(201)
    const second = await beginUpload('uploads/other')
    expect([nameOf(beside), nameOf(second)].map((name) => name === nameOf(first))).toEqual([
      false,
      true,
    ])
    expect((await send('PATCH', second, { body: bytes })).status).toBe(202)
    // The first one's client did not hear of its success, and asks again.
    expect((await send('PUT', `${first}${closing}`)).status).toBe(201)
    expect((await send('PATCH', first, { body: bytes })).status).toBe(404)
    expect((await send('PUT', `${second}${closing}`)).status).toBe(201)
    expect(nameOf(await beginUpload(REPOSITORY))).toBe(nameOf(first))
  })

  it.each<[string, number, (location: string, bytes: Bytes) => Promise<Response>]>([
    [
      'is committed twice in one PUT',
      201,
      async (location, bytes) => {
        const whole = { body: bytes, headers: { 'Content-Length': String(bytes.length) } }
        const closing = `${location}${await digestQuery(bytes)}`
        expect((await send('PUT', closing, whole)).status).toBe(201)
        return send('PUT', closing, whole)
      },
    ],
    [
      'is closed twice',
      201,
      async (location, bytes) => {
        await send('PATCH', location, { body: bytes })
        const closing = `${location}${await digestQuery(bytes)}`
        expect((await send('PUT', closing)).status).toBe(201)
        return send('PUT', closing)
      },
    ],
  ])('is lent once where an upload %s', async (_, status, push) => {
    const location = await beginUpload(REPOSITORY)
    expect((await push(location, randomBytes(10))).status).toBe(status)
    const next = [await beginUpload(REPOSITORY), await beginUpload(REPOSITORY)].map(nameOf)
    expect(next[0]).toBe(nameOf(location))
    expect(next[1]).not.toBe(nameOf(location))
  })

  it.each<[string, (location: string, bytes: Bytes) => Promise<Response>]>([
    ['was cancelled', async (location) => send('DELETE', location)],
    [
      'has a wrong digest',
      async (location, bytes) => {
        await send('PATCH', location, { body: bytes })
        return put(location, UNKNOWN)
      },
    ],
    [
      'has a wrong digest in one PUT',
      async (location, bytes) => put(location, UNKNOWN, ofLength(bytes)),
    ],
    ['is not closed', async (location, bytes) => send('PATCH', location, { body: bytes })],
  ])('is not lent where an upload %s', async (_, push) => {
    const location = await beginUpload(REPOSITORY)
    expect((await push(location, randomBytes(10))).status).not.toBe(201)
    const next = [await beginUpload(REPOSITORY), await beginUpload(REPOSITORY)].map(nameOf)
    expect(next).not.toContain(nameOf(location))
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
    const foreign = `/v2/uploads/other/blobs/uploads/${location.slice(-48)}`
    for (const [method, query] of requests) {
      const response = await send(method, `${foreign}${query}`)
      expect(response.status).toBe(404)
      if (method !== 'HEAD') expect(await errorCodes(response)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
    }
    await expectOffset(location, '0-9')
  })

  it('belongs to who began it (CVE-2026-32589)', async () => {
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
    for (let at = 1; at <= 48; at += 1) {
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
    'A'.repeat(5000),
    '%00',
    '..%2Fuploads',
    "'--",
    '__proto__',
  ])('that was never given out is unknown: %.60s', async (id) => {
    for (const [method, query] of requests) {
      expect((await send(method, `${UPLOADS}${id}${query}`)).status).toBe(404)
    }
  })
})
