/** Schemas that the library has not, or has in another sense. */
import * as v from 'valibot'

/** Of those that a number holds exactly. */
export const integer = v.pipe(v.number(), v.safeInteger())

const TIME = 'Invalid ISO datetime'

/** RFC 3339, in UTC, of a day that there is. */
export const time = v.pipe(v.string(), v.isoTimestamp(TIME), v.check(isUtcTime, TIME))

function isUtcTime(text: string): boolean {
  const time = /T.*Z$/.test(text) ? Date.parse(text) : Number.NaN
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text.slice(0, 10)
}

/** Keys that v.record passes over, so that what they stand for would be lost. */
const PASSED_OVER = ['__proto__', 'constructor', 'prototype']

/** Goes before v.record, and before objects without required keys: an array is an object, too, in JavaScript and to the library. */
export function plainObject(message = 'Invalid input: expected object') {
  return v.custom<Record<string, unknown>>(isPlainObject, message)
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !PASSED_OVER.some((key) => Object.hasOwn(value, key))
}

/** How people write the way to a member: `grants[0].actions[1]`. */
export function memberPath(keys: readonly unknown[]): string {
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

/** Whether what is wrong is a key that a strict object does not have: the last step of the issue's path. */
export function isUnknownKey({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never'
}
