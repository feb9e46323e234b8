/**
 * Typed access to parsed JSON, for manifests. Every error names the field by its path (`layers[2].size`). Null counts as absent, as
 * in the Go programs that write manifests.
 */
import { type Json, RegistryError } from './errors.ts'

export type Fields = { readonly [key: string]: Json }

/** The length of a media type with its parameters, in characters. RFC 6838 allows 127 on each side of the slash. */
const MEDIA_TYPE_LIMIT = 512

// Wider than RFC 6838, 4.2, because clients send other types (`doc`) and registries accept them: any text without control
// characters and markup, and any ASCII in parameters (application/vnd.dev.sigstore.bundle+json;version=0.1).
const MEDIA_TYPE = /^[^\p{Cc}<>"'\s;](?:[^\p{Cc}<>"';]*[^\p{Cc}<>"'\s;])?(?: ?;[ -~]*)?$/u

export function invalidField(path: string, problem: string): RegistryError {
  const message = path === '' ? `manifest invalid: ${problem}` : `${path}: ${problem}`
  return new RegistryError(
    'MANIFEST_INVALID',
    path === '' ? { message } : { message, detail: { field: path } },
  )
}

/** The path of `name` in the object at `path`. */
export function childPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** The field names of an object, by their case-folded form. */
export type KnownFields = ReadonlyMap<string, string>

export function knownFields(...names: string[]): KnownFields {
  return new Map(names.map((name) => [foldCase(name), name]))
}

/**
 * Checks an object. A key that differs from a known one only by case is refused: Go's encoding/json reads it as the known one, and
 * the last of the two wins there.
 */
export function readObject(value: Json, path: string, known: KnownFields): Fields {
  if (!isFields(value)) throw invalidField(path, 'expected an object')
  for (const key of Object.keys(value)) knownName(key, path, known)
  return value
}

/** @returns whether the object at `path` may have a field of that name; it is refused where it is known in another case */
export function knownName(key: string, path: string, known: KnownFields): boolean {
  const name = known.get(foldCase(key))
  if (name === undefined || name === key) return name !== undefined
  throw invalidField(childPath(path, key), `ambiguous: expected "${name}"`)
}

export function readArray(value: Json, path: string, limit: number): readonly Json[] {
  if (!isArray(value)) throw invalidField(path, 'expected an array')
  if (value.length > limit) throw invalidField(path, `more than ${limit} entries`)
  return value
}

/** The member `name`; undefined if it is absent or null. */
export function member(fields: Fields, name: string): Json | undefined {
  if (!Object.hasOwn(fields, name)) return undefined
  return fields[name] ?? undefined
}

export function optionalString(fields: Fields, name: string, path: string): string | undefined {
  const value = member(fields, name)
  if (value === undefined || typeof value === 'string') return value
  throw invalidField(childPath(path, name), 'expected a string')
}

export function optionalStrings(fields: Fields, name: string, path: string): string[] | undefined {
  const value = member(fields, name)
  if (value === undefined) return undefined
  const at = childPath(path, name)
  return readArray(value, at, Number.POSITIVE_INFINITY).map((item, index) => {
    if (typeof item === 'string') return item
    throw invalidField(`${at}[${index}]`, 'expected a string')
  })
}

/** A map from string to string, such as annotations. */
export function optionalStringMap(
  fields: Fields,
  name: string,
  path: string,
): Record<string, string> | undefined {
  const value = member(fields, name)
  if (value === undefined) return undefined
  const at = childPath(path, name)
  if (!isFields(value)) throw invalidField(at, 'expected an object')
  if (isStringMap(value)) return value
  const key = Object.keys(value).find((name) => typeof value[name] !== 'string') ?? ''
  throw invalidField(`${at}[${JSON.stringify(key.slice(0, 64))}]`, 'expected a string')
}

/** A media type; undefined if it is absent or empty, as with Go's `omitempty`. */
export function optionalMediaType(fields: Fields, name: string, path: string): string | undefined {
  const value = optionalString(fields, name, path)
  if (value === undefined || value === '') return undefined
  if (value.length <= MEDIA_TYPE_LIMIT && MEDIA_TYPE.test(value)) return value
  throw invalidField(
    childPath(path, name),
    `expected a media type: up to ${MEDIA_TYPE_LIMIT} characters without markup`,
  )
}

function isFields(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStringMap(fields: Fields): fields is Record<string, string> {
  return Object.values(fields).every((value) => typeof value === 'string')
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** Upper case first: it maps the long s to S, as Go's folding does. Lower case maps the Kelvin sign to k. */
function foldCase(key: string): string {
  return key.toUpperCase().toLowerCase()
}
