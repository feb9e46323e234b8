import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  formatUploadId,
  newUpload,
  UPLOAD_TTL_SECONDS,
  type Upload,
  type UploadOwner,
  verifyUploadId,
} from '../../src/uploads/upload-id.ts'

const OWNER = { repository: 'library/app', subject: 'alice' }

function newKey(): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign', 'verify'])
}

function newId(key: CryptoKey, owner: UploadOwner = OWNER): Promise<string> {
  return formatUploadId(key, owner, newUpload('sha256'))
}

describe('an upload id', () => {
  it.each<[Upload['kind'], Upload['algorithm']]>([
    ['fresh', 'sha256'],
    ['fresh', 'sha512'],
    ['begun', 'sha256'],
    ['begun', 'sha512'],
  ])('carries the kind %s and the algorithm %s', async (kind, algorithm) => {
    const key = await newKey()
    const upload = { ...newUpload(algorithm), kind }
    const id = await formatUploadId(key, OWNER, upload)
    expect(id).toMatch(/^[A-Za-z0-9_-]{52}$/)
    expect(await verifyUploadId(key, OWNER, id)).toEqual(upload)
  })

  it('is never the same twice', async () => {
    const key = await newKey()
    const ids = await Promise.all(Array.from({ length: 100 }, () => newId(key)))
    expect(new Set(ids).size).toBe(100)
  })

  it.each([
    ['another repository', { repository: 'library/ap', subject: 'alice' }],
    ['another subject', { repository: 'library/app', subject: 'bob' }],
    ['nobody', { repository: 'library/app', subject: '' }],
    ['a subject that swallows the repository', { repository: 'library', subject: '/appalice' }],
    ['a repository that swallows the subject', { repository: 'library/appalice', subject: '' }],
  ])('is not valid for %s', async (_, other) => {
    const key = await newKey()
    const id = await newId(key)
    expect(await verifyUploadId(key, other, id)).toBeNull()
  })

  it('is not valid under another key', async () => {
    const id = await newId(await newKey())
    expect(await verifyUploadId(await newKey(), OWNER, id)).toBeNull()
  })

  it('is not valid if any of its characters is changed', async () => {
    const key = await newKey()
    const id = await newId(key)
    for (let at = 0; at < id.length; at++) {
      const changed = `${id.slice(0, at)}${id[at] === 'A' ? 'B' : 'A'}${id.slice(at + 1)}`
      expect(await verifyUploadId(key, OWNER, changed)).toBeNull()
    }
  })

  it.each([
    '',
    'a',
    'A'.repeat(51),
    'A'.repeat(52),
    'A'.repeat(53),
    `${'A'.repeat(51)}=`,
    `${'A'.repeat(51)}+`,
    '3f0c7a36-0b0c-4f0e-9d52-0d3c9e5a7b11',
    'A'.repeat(4000),
  ])('is not %#', async (id) => {
    expect(await verifyUploadId(await newKey(), OWNER, id)).toBeNull()
  })
})

describe('its time', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    ['lasts to the last second', UPLOAD_TTL_SECONDS - 1, true],
    ['is over then', UPLOAD_TTL_SECONDS + 1, false],
  ])('%s', async (_, seconds, isValid) => {
    const key = await newKey()
    const start = Date.UTC(2026, 0, 1)
    vi.useFakeTimers({ now: start, toFake: ['Date'] })
    const id = await newId(key)
    vi.setSystemTime(start + seconds * 1000)
    expect((await verifyUploadId(key, OWNER, id)) !== null).toBe(isValid)
  })
})
