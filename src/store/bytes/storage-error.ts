/**
 * Errors of the store of bytes. Only the message of an error survives a call of a Durable Object, so the kind of the error stands in
 * it.
 */
import { STORAGE_FAILED } from '../../lib/passing-error.ts'

const UNUSABLE = 'the storage cannot be used: '

export class StorageError extends Error {
  override readonly name = 'StorageError'

  /**
   * @param kind `passing`: the same call can succeed when it is repeated. `unusable`: the operator has to do something.
   * @param sentence what went wrong, for the operator
   */
  constructor(kind: 'passing' | 'unusable', sentence: string, options?: ErrorOptions) {
    super(`${kind === 'passing' ? STORAGE_FAILED : UNUSABLE}${sentence}`, options)
  }
}

/** Whether no call can succeed until the operator has done something: a wrong key, no bucket, a full disk. */
export function isUnusableStorage(error: unknown): boolean {
  return error instanceof Error && error.message.includes(UNUSABLE)
}
