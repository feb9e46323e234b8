/** What the tests of src/oci share: bytes from text or JSON, and the error that a call throws. */
import { expect } from 'vitest'
import { type ErrorCode, RegistryError } from '../../src/oci/errors.ts'

export const SHA256 = `sha256:${'a'.repeat(64)}`
export const SHA512 = `sha512:${'b'.repeat(128)}`

export function bytes(value: unknown): Uint8Array<ArrayBuffer> {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return new Uint8Array(new TextEncoder().encode(text))
}

/** Runs `action`, which must throw a RegistryError of this code, and returns the error's message. */
export function refusal(code: ErrorCode, action: () => unknown): string {
  let thrown: unknown
  try {
    action()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(RegistryError)
  if (!(thrown instanceof RegistryError)) return ''
  expect(thrown.entries.map((entry) => entry.code)).toEqual([code])
  return thrown.message
}

/** Whether `action` throws a RegistryError; anything else that it throws goes on. */
export function isRefused(action: () => unknown): boolean {
  try {
    action()
    return false
  } catch (error) {
    if (error instanceof RegistryError) return true
    throw error
  }
}
