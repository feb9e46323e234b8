/** What the errors of S3 mean (Amazon S3 API reference, "Error responses"; other stores have a few codes of their own). */

import type { S3Settings } from './s3-settings.ts'
import { textOf } from './s3-xml.ts'
import { StorageError } from './storage-error.ts'

export interface S3Failure {
  status: number
  /** S3's own name of the error; empty if the answer has none. */
  code: string
  /** The XML of the answer. */
  xml: string
}

type Sentence = (settings: S3Settings, failure: S3Failure) => string

const wrongKey: Sentence = () => 'the S3 store does not know the key: check S3_ACCESS_KEY_ID'

const wrongRegion: Sentence = (_, { xml }) => {
  const expected = textOf(xml, 'Region')
  const hint = /^[\w-]{1,64}$/.test(expected) ? `, it expects "${expected}"` : ''
  return `the S3 store is in another region: check S3_REGION and S3_ENDPOINT${hint}`
}

const full: Sentence = () => 'the S3 store is full'

/** The errors that stay until the operator does something. */
const UNUSABLE: Record<string, Sentence> = {
  NoSuchBucket: ({ bucket }) => `the S3 bucket "${bucket}" does not exist: check S3_BUCKET`,
  InvalidAccessKeyId: wrongKey,
  // versitygw.
  XAdminUserNotFound: wrongKey,
  SignatureDoesNotMatch: () =>
    'the S3 store does not accept the signature: check S3_SECRET_ACCESS_KEY',
  RequestTimeTooSkewed: () =>
    'the clocks of this machine and of the S3 store differ by more than 15 minutes',
  AuthorizationHeaderMalformed: wrongRegion,
  PermanentRedirect: wrongRegion,
  TemporaryRedirect: wrongRegion,
  AccessDenied: ({ bucket }) =>
    `the S3 store denies access: the key needs the rights to get, put, delete and list objects of "${bucket}"`,
  QuotaExceeded: full,
  InsufficientCapacity: full,
  // MinIO.
  XMinioStorageFull: full,
  EntityTooLarge: () => 'the S3 store does not take objects of this size',
}

/** These pass although their status is below 500. */
const PASSING = ['RequestTimeout', 'SlowDown', 'OperationAborted', 'Throttling', 'TooManyRequests']

const FULL_STATUS = 507

/** The error to throw for an answer that is none of those that a call expects. */
export function s3Error(what: string, failure: S3Failure, settings: S3Settings): Error {
  const { status, code } = failure
  const sentence = status === FULL_STATUS ? full : UNUSABLE[code]
  if (sentence !== undefined) return new StorageError('unusable', sentence(settings, failure))
  const answer = `S3 answered ${what} with ${status} ${code}`.trim()
  if (status >= 500 || status === 429 || PASSING.includes(code)) {
    return new StorageError('passing', answer)
  }
  if (code !== '') return new Error(`${answer}: ${textOf(failure.xml, 'Message').slice(0, 200)}`)
  return new StorageError('unusable', `${answer}, and no S3 error: check S3_ENDPOINT`)
}
