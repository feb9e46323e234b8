import { afterEach, describe, expect, it, vi } from 'vitest'
import { newSessionName } from '../../src/uploads/session-name.ts'
import {
  ID_TTL_SECONDS,
  newUploadId,
  sessionNameOf,
  verifyUploadId,
} from '../../src/uploads/upload-id.ts'

const OWNER = { repository: 'library/app', subject: 'alice' }

function newKey(): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign', 'verify'])
}

describe('an upload id', () => {
  it.each(['sha256', 'sha512'] as const)('carries the algorithm %s', async (algorithm) => {
    const key = await newKey()
    const id = await newUploadId(key, OWNER, algorithm)
    expect(id).toMatch(/^[A-Za-z0-9_-]{48}$/)
    expect(await verifyUploadId(key, OWNER, id)).toBe(algorithm)
  })

  it('is never the same twice', async () => {
    const key = await newKey()
    const ids = await Promise.all(
      Array.from({ length: 100 }, () => newUploadId(key, OWNER, 'sha256')),
    )
    expect(new Set(ids).size).toBe(100)
  })

  it('names its object, be it a new one or not', async () => {
    const key = await newKey()
    const name = newSessionName()
    const ids = [
      await newUploadId(key, OWNER, 'sha256', name),
      await newUploadId(key, OWNER, 'sha256', name),
      await newUploadId(key, OWNER, 'sha256'),
    ]
    expect(ids.map((id) => sessionNameOf(id) === name)).toEqual([true, true, false])
    expect(new Set(ids).size).toBe(3)
    for (const id of ids) expect(await verifyUploadId(key, OWNER, id)).toBe('sha256')
  })

  it.each([
    ['another repository', { repository: 'library/ap', subject: 'alice' }],
    ['another subject', { repository: 'library/app', subject: 'bob' }],
    ['nobody', { repository: 'library/app', subject: '' }],
    ['a subject that swallows the repository', { repository: 'library', subject: '/app\0alice' }],
  ])('is not good for %s', async (_, other) => {
    const key = await newKey()
    const id = await newUploadId(key, OWNER, 'sha256')
    expect(await verifyUploadId(key, other, id)).toBeNull()
  })

  it('is not good under another key', async () => {
    const id = await newUploadId(await newKey(), OWNER, 'sha256')
    expect(await verifyUploadId(await newKey(), OWNER, id)).toBeNull()
  })

  it('is not good when any of its characters is changed', async () => {
    const key = await newKey()
    const id = await newUploadId(key, OWNER, 'sha256')
    for (let at = 0; at < id.length; at++) {
      const changed = `${id.slice(0, at)}${id[at] === 'A' ? 'B' : 'A'}${id.slice(at + 1)}`
      expect(await verifyUploadId(key, OWNER, changed)).toBeNull()
    }
  })

  it.each([
    '',
    'a',
    'A'.repeat(47),
    'A'.repeat(48),
    'A'.repeat(49),
    `${'A'.repeat(47)}=`,
    `${'A'.repeat(47)}+`,
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
    ['good to the last second', ID_TTL_SECONDS - 1, 'sha256'],
    ['over then', ID_TTL_SECONDS + 1, null],
  ])('is %s', async (_, seconds, expected) => {
    const key = await newKey()
    const start = Date.UTC(2026, 0, 1)
    vi.useFakeTimers({ now: start, toFake: ['Date'] })
    const id = await newUploadId(key, OWNER, 'sha256')
    vi.setSystemTime(start + seconds * 1000)
    expect(await verifyUploadId(key, OWNER, id)).toBe(expected)
  })
})
