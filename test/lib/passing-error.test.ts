import { describe, expect, it } from 'vitest'
import { isPassing } from '../../src/lib/passing-error.ts'

describe('isPassing', () => {
  it.each([
    'D1_ERROR: Network connection lost.',
    'D1_ERROR: D1 DB reset because its code was updated.',
    'D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.',
    'D1_ERROR: Internal error in D1 DB storage caused object to be reset.',
    'D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.',
    'D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.',
    "D1_ERROR: Can't read from request stream because client disconnected.",
    'D1_ERROR: D1 DB is overloaded. Requests queued for too long.',
    'D1_ERROR: D1 DB is overloaded. Too many requests queued.',
    'Durable Object reset because its code was updated.',
    'Durable Object is overloaded. Too many requests queued.',
    'internal error; reference = abc123',
    'put: We encountered an internal error. Please try again. (10001)',
    'uploadPart: Service temporarily unavailable. (10043)',
    'put: Client disconnected. (10054)',
    'put: Reduce your concurrent request rate for the same object. (10058)',
  ])('%s', (message) => {
    expect(isPassing(new Error(message))).toBe(true)
  })

  it.each(['retryable', 'overloaded'])('an error of a Durable Object that is %s', (flag) => {
    expect(isPassing(Object.assign(new Error('gone'), { [flag]: true }))).toBe(true)
    expect(isPassing(Object.assign(new Error('gone'), { [flag]: false }))).toBe(false)
  })

  it.each([
    'D1_ERROR: UNIQUE constraint failed: events.id: SQLITE_CONSTRAINT',
    'D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT',
    'D1_ERROR: no such table: blobs: SQLITE_ERROR',
    "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
    'put: The SHA-256 checksum you specified did not match what we received. (10037)',
    'completeMultipartUpload: There was a problem with the multipart upload. (10025)',
    'get: 10001',
  ])('not: %s', (message) => {
    expect(isPassing(new Error(message))).toBe(false)
  })

  it('values that are not errors are not passing', () => {
    expect(isPassing('Network connection lost.')).toBe(false)
    expect(isPassing(undefined)).toBe(false)
  })
})
