/** Which errors of D1, R2 and Durable Objects are transient: the same call can succeed when it is repeated. */

/** Begins the message of an error of the storage that is transient: see store/bytes/storage-error.ts. */
export const STORAGE_FAILED = 'the storage failed for now: '

/** Parts of messages of D1 ("Debug D1", the errors to retry) and of Durable Objects, which use the same texts. */
const MESSAGES = [
  'Network connection lost',
  'reset because its code was updated',
  'caused object to be reset',
  'Cannot resolve D1 DB due to transient issue',
  "Can't read from request stream because client disconnected",
  'is overloaded',
  // The runtime's message for an internal failure.
  'internal error; reference =',
  STORAGE_FAILED,
]

/** R2 ("Error codes"): internal error, service unavailable, connection lost, more than one write to a key in a second. */
const R2_CODES = [10001, 10043, 10054, 10058]

export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  // Cloudflare sets both flags on errors of Durable Object calls.
  if (hasFlag(error, 'retryable') || hasFlag(error, 'overloaded')) return true
  const { message } = error
  return (
    MESSAGES.some((part) => message.includes(part)) ||
    R2_CODES.some((code) => message.endsWith(`(${code})`))
  )
}

function hasFlag(error: Error, flag: string): boolean {
  return Reflect.get(error, flag) === true
}
