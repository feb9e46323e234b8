/**
 * A manifest's JSON, of which only the fields that are read are built. 4 MiB have room for a million small values in fields that no
 * spec names; built, they would take 20 times the memory of the bytes.
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

/** A value of at most so many bytes is built whole, whatever is in it. */
const SMALL = 16 * 1024

/** Arrays and objects within each other in a field that is larger: `platform` has a list in an object. */
const DEEPEST_FIELD = 2

export class Source {
  readonly #bytes: Uint8Array

  /** @throws {RegistryError} MANIFEST_INVALID unless the bytes are strict JSON */
  constructor(bytes: Uint8Array) {
    checkStrictJson(bytes)
    this.#bytes = bytes
  }

  get whole(): Span {
    return wholeSpan(this.#bytes)
  }

  /**
   * The known fields of an object by name: where they stand.
   * @throws {RegistryError} MANIFEST_INVALID where it is no object, or has a field that differs from a known one by case alone
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

  /** The items of an array, one more than `limit` of them at most; null where it is none. */
  items(array: Span, limit: number): Span[] | null {
    if (this.#bytes[array.start] !== OPEN_BRACKET) return null
    const items: Span[] = []
    for (const item of itemsOf(this.#bytes, array)) {
      items.push(item)
      if (items.length > limit) break
    }
    return items
  }

  /** @throws {RegistryError} MANIFEST_INVALID where it is large and nests deeper than any field of a spec */
  field(value: Span, path: string): Json {
    if (!isSmall(value) && !isShallow(this.#bytes, value, DEEPEST_FIELD)) {
      throw invalidField(path, `more than ${SMALL} bytes, and nested deeper than ${DEEPEST_FIELD}`)
    }
    return buildJson(this.#bytes, value)
  }

  /** An object of fields; of a large one only those that are known are built. */
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
