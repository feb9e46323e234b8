import { describe, expect, it } from 'vitest'
import { ERROR_TABLE, RegistryError } from '../../src/oci/errors.ts'

function envelope(error: RegistryError): unknown {
  return JSON.parse(JSON.stringify(error))
}

describe('RegistryError', () => {
  it.each([
    ['UNKNOWN', 500],
    ['UNSUPPORTED', 405],
    ['UNAUTHORIZED', 401],
    ['DENIED', 403],
    ['UNAVAILABLE', 503],
    ['TOOMANYREQUESTS', 429],
    ['DIGEST_INVALID', 400],
    ['SIZE_INVALID', 400],
    ['RANGE_INVALID', 416],
    ['NAME_INVALID', 400],
    ['TAG_INVALID', 400],
    ['NAME_UNKNOWN', 404],
    ['MANIFEST_UNKNOWN', 404],
    ['MANIFEST_INVALID', 400],
    ['MANIFEST_UNVERIFIED', 400],
    ['MANIFEST_BLOB_UNKNOWN', 400],
    ['BLOB_UNKNOWN', 404],
    ['BLOB_UPLOAD_UNKNOWN', 404],
    ['BLOB_UPLOAD_INVALID', 404],
    ['PAGINATION_NUMBER_INVALID', 400],
    ['REQUEST_INVALID', 400],
    ['NOT_FOUND', 404],
    ['CONFLICT', 409],
  ] as const)('%s is a %i', (code, status) => {
    const error = new RegistryError(code)
    expect(error.status).toBe(status)
    expect(envelope(error)).toEqual({ errors: [{ code, message: ERROR_TABLE[code].message }] })
  })

  it('carries its own message, detail, status and headers', () => {
    const error = new RegistryError('MANIFEST_INVALID', {
      message: 'too large',
      detail: { field: 'a' },
      status: 413,
      headers: { 'Retry-After': '1' },
    })
    expect(error).toMatchObject({ message: 'too large', status: 413 })
    expect(error.headers).toEqual({ 'Retry-After': '1' })
    expect(envelope(error)).toEqual({
      errors: [{ code: 'MANIFEST_INVALID', message: 'too large', detail: { field: 'a' } }],
    })
  })

  it('has the same error in the members of OAuth', () => {
    const error = new RegistryError('UNAUTHORIZED', { message: 'no', oauth: 'invalid_grant' })
    expect(envelope(error)).toEqual({
      errors: [{ code: 'UNAUTHORIZED', message: 'no' }],
      error: 'invalid_grant',
      error_description: 'no',
    })
  })

  it('has one entry for each of its details', () => {
    const details = [{ digest: 'a' }, { digest: 'b' }]
    expect(envelope(new RegistryError('MANIFEST_BLOB_UNKNOWN', { details }))).toEqual({
      errors: details.map((detail) => ({
        code: 'MANIFEST_BLOB_UNKNOWN',
        message: 'blob unknown to registry',
        detail,
      })),
    })
  })
})
