/** Schemas that the library does not have, or defines differently. */
import * as v from 'valibot'

/** An integer that a number holds exactly. */
export const integer = v.pipe(v.number(), v.safeInteger())

const TIME = 'Invalid ISO datetime'

/** RFC 3339 in UTC, with a date that exists. */
export const time = v.pipe(v.string(), v.isoTimestamp(TIME), v.check(isUtcTime, TIME))

function isUtcTime(text: string): boolean {
  const time = /T.*Z$/.test(text) ? Date.parse(text) : Number.NaN
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text.slice(0, 10)
}

/** Keys that v.record skips, so that their values would be lost. */
const PASSED_OVER = ['__proto__', 'constructor', 'prototype']

/** Use before v.record, and before objects without required keys: JavaScript and the library treat arrays as objects too. */
export function plainObject(message = 'Invalid input: expected object') {
  return v.custom<Record<string, unknown>>(isPlainObject, message)
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !PASSED_OVER.some((key) => Object.hasOwn(value, key))
}

/** The usual notation of a path: `grants[0].actions[1]`. */
export function memberPath(keys: readonly unknown[]): string {
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

/** Whether the issue is a key that a strict object does not have: the last step of the issue's path. */
export function isUnknownKey({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never'
}
