/**
 * Reads a manifest's JSON, and builds only the fields that the registry needs. 4 MiB may hold a million small values in fields that no
 * spec names. Building them would take 20 times the memory of the bytes.
 */
import type { Json } from './errors.ts'
import { type Fields, invalidField, type KnownFields, knownName } from './fields.ts'
import { checkStrictJson } from './json.ts'
import {
  buildJson,
  isShallow,
  itemsOf,
  membersOf,
  OPEN_BRACE,
  OPEN_BRACKET,
  type Span,
  textAt,
  wholeSpan,
} from './json-spans.ts'

/** Values up to this many bytes are built whole. */
const SMALL = 16 * 1024

/** The nesting limit for larger fields: `platform` is an object with a list. */
const DEEPEST_FIELD = 2

export class Source {
  readonly #bytes: Uint8Array

  /** @throws {RegistryError} MANIFEST_INVALID if the bytes are not strict JSON */
  constructor(bytes: Uint8Array) {
    checkStrictJson(bytes)
    this.#bytes = bytes
  }

  get whole(): Span {
    return wholeSpan(this.#bytes)
  }

  /**
   * The positions of an object's known fields, by name.
   * @throws {RegistryError} MANIFEST_INVALID if it is not an object, or has a field that differs from a known one only in case
   */
  fields(object: Span, path: string, known: KnownFields): ReadonlyMap<string, Span> {
    if (!this.#isObject(object)) throw invalidField(path, 'expected an object')
    const fields = new Map<string, Span>()
    for (const { key, value } of membersOf(this.#bytes, object)) {
      const name = textAt(this.#bytes, key)
      if (knownName(name, path, known)) fields.set(name, value)
    }
    return fields
  }

  /** The first items of an array, at most `limit` + 1; null if the value is not an array. */
  items(array: Span, limit: number): Span[] | null {
    if (this.#bytes[array.start] !== OPEN_BRACKET) return null
    const items: Span[] = []
    for (const item of itemsOf(this.#bytes, array)) {
      items.push(item)
      if (items.length > limit) break
    }
    return items
  }

  /** @throws {RegistryError} MANIFEST_INVALID if the value is large and nests deeper than any field of a spec */
  field(value: Span, path: string): Json {
    if (!isSmall(value) && !isShallow(this.#bytes, value, DEEPEST_FIELD)) {
      throw invalidField(path, `more than ${SMALL} bytes, and nested deeper than ${DEEPEST_FIELD}`)
    }
    return buildJson(this.#bytes, value)
  }

  /** Builds an object. If it is large, only its known fields. */
  object(value: Span, path: string, known: KnownFields): Json {
    if (isSmall(value)) return buildJson(this.#bytes, value)
    const fields = [...this.fields(value, path, known)]
    return Object.fromEntries(
      fields.map(([name, field]): [string, Json] => [name, this.field(field, `${path}.${name}`)]),
    ) satisfies Fields
  }

  #isObject({ start }: Span): boolean {
    return this.#bytes[start] === OPEN_BRACE
  }
}

function isSmall({ start, end }: Span): boolean {
  return end - start <= SMALL
}
