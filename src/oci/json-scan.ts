/** One linear pass over the bytes of a JSON text. It builds nothing, and checks the grammar of RFC 8259 and the limits of json.ts. */
import { invalidAt } from './json-error.ts'
import { hashOf, hashOfText, OpenKeys } from './json-keys.ts'
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  hexValue,
  isDigit,
  isSpace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  textAt,
  ZERO,
} from './json-spans.ts'

/** The limit on nested arrays and objects. Real manifests stay under 6. */
export const JSON_DEPTH_LIMIT = 32

/** The limit on values. An index of 10,000 entries with platforms and annotations has about 150,000; 4 MiB could hold 1.4 million `{}`. */
export const JSON_VALUE_LIMIT = 250_000

const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e

const LOWER_U = 0x75
/** The characters that may follow a backslash, except `u`. */
const SHORT_ESCAPES = new TextEncoder().encode('"\\/bfnrt')
const WORDS = ['true', 'false', 'null'].map((word) => new TextEncoder().encode(word))

/** @throws {RegistryError} MANIFEST_INVALID; its message says what is wrong and where */
export function scanJson(bytes: Uint8Array): void {
  new Scanner(bytes).scan()
}

class Scanner {
  readonly #bytes: Uint8Array
  readonly #keys = new OpenKeys()
  #at = 0
  #depth = 0
  #values = 1

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  scan(): void {
    this.#value()
    this.#space()
    if (this.#at < this.#bytes.length) this.#fail('something follows the value')
  }

  #value(): void {
    this.#space()
    switch (this.#bytes[this.#at]) {
      case QUOTE:
        this.#string()
        break
      case OPEN_BRACE:
        this.#object()
        break
      case OPEN_BRACKET:
        this.#list()
        break
      default:
        this.#scalar()
    }
  }

  #object(): void {
    this.#enter()
    const before = this.#keys.count
    this.#space()
    if (!this.#take(CLOSE_BRACE)) {
      do {
        this.#key()
        this.#space()
        if (!this.#take(COLON)) this.#fail('expected a colon')
        this.#value()
        this.#space()
      } while (this.#takeComma())
      if (!this.#take(CLOSE_BRACE)) this.#fail('expected a comma or a closing brace')
    }
    this.#keys.cutTo(before)
    this.#depth -= 1
  }

  #list(): void {
    this.#enter()
    this.#space()
    if (!this.#take(CLOSE_BRACKET)) {
      do {
        this.#value()
        this.#space()
      } while (this.#takeComma())
      if (!this.#take(CLOSE_BRACKET)) this.#fail('expected a comma or a closing bracket')
    }
    this.#depth -= 1
  }

  #enter(): void {
    if (this.#depth === JSON_DEPTH_LIMIT) {
      this.#fail(`nested deeper than ${JSON_DEPTH_LIMIT} levels`)
    }
    this.#count()
    this.#depth += 1
    this.#at += 1
  }

  #takeComma(): boolean {
    if (this.#bytes[this.#at] !== COMMA) return false
    this.#count()
    this.#at += 1
    return true
  }

  /** A value follows each comma and each opening bracket or brace. An empty list counts as one value. */
  #count(): void {
    this.#values += 1
    if (this.#values > JSON_VALUE_LIMIT) this.#fail(`more than ${JSON_VALUE_LIMIT} values`)
  }

  #key(): void {
    this.#space()
    const start = this.#at
    if (this.#bytes[start] !== QUOTE) this.#fail('expected a key')
    const isEscaped = this.#string()
    const hash = isEscaped
      ? hashOfText(textAt(this.#bytes, start))
      : hashOf(this.#bytes, start + 1, this.#at - 1)
    if (this.#keys.add(this.#depth, hash, start, this.#isSameKey)) return
    const name = textAt(this.#bytes, start).slice(0, 64)
    this.#fail(`duplicate key ${JSON.stringify(name)}`, start)
  }

  /** Two spellings of one key are possible only with escapes, so only those are decoded. */
  readonly #isSameKey = (one: number, other: number): boolean => {
    const bytes = this.#bytes
    for (let at = 1; ; at += 1) {
      const [first, second] = [bytes[one + at], bytes[other + at]]
      if (first === BACKSLASH || second === BACKSLASH) {
        return textAt(bytes, one) === textAt(bytes, other)
      }
      if (first !== second) return false
      if (first === QUOTE) return true
    }
  }

  /** Reads a string. Returns whether it has an escape. */
  #string(): boolean {
    const bytes = this.#bytes
    const start = this.#at
    let isEscaped = false
    for (let at = start + 1; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0
      if (byte === QUOTE) {
        this.#at = at + 1
        return isEscaped
      }
      if (byte < 0x20) this.#fail('a control character in a string', at)
      if (byte !== BACKSLASH) continue
      isEscaped = true
      at = this.#escape(at, start)
    }
    return this.#fail('unterminated string', start)
  }

  /**
   * Returns the position of the last byte of the escape at `at`. Refuses lone surrogates, which only escapes can bring into UTF-8: Go reads
   * each as U+FFFD, so two different keys would become equal.
   */
  #escape(at: number, start: number): number {
    const kind = this.#bytes[at + 1]
    if (kind === undefined) this.#fail('unterminated string', start)
    if (kind !== LOWER_U) {
      if (!SHORT_ESCAPES.includes(kind)) this.#fail('an unknown escape', at)
      return at + 1
    }
    const unit = this.#unit(at)
    if (unit < 0xd800 || unit > 0xdfff) return at + 5
    const isPair =
      unit < 0xdc00 && this.#bytes[at + 6] === BACKSLASH && this.#bytes[at + 7] === LOWER_U
    const low = isPair ? this.#unit(at + 6) : 0
    if (low < 0xdc00 || low > 0xdfff) this.#fail('string with a lone surrogate', start)
    return at + 11
  }

  /** The code unit of `\uXXXX`. */
  #unit(at: number): number {
    let unit = 0
    for (let digit = at + 2; digit < at + 6; digit += 1) {
      const value = hexValue(this.#bytes[digit])
      if (value < 0) this.#fail('an unknown escape', at)
      unit = unit * 16 + value
    }
    return unit
  }

  #scalar(): void {
    const byte = this.#bytes[this.#at] ?? 0
    if (byte === MINUS || isDigit(byte)) {
      this.#number()
      return
    }
    const word = WORDS.find(([first]) => first === byte)
    if (word === undefined) this.#fail('expected a value')
    for (const letter of word) if (!this.#take(letter)) this.#fail('expected a value')
  }

  #number(): void {
    this.#take(MINUS)
    if (!this.#take(ZERO)) this.#digits()
    if (this.#take(POINT)) this.#digits()
    if (this.#take(0x65) || this.#take(0x45)) {
      if (!this.#take(MINUS)) this.#take(PLUS)
      this.#digits()
    }
  }

  /** One digit or more. */
  #digits(): void {
    if (!isDigit(this.#bytes[this.#at])) this.#fail('expected a digit')
    while (isDigit(this.#bytes[this.#at])) this.#at += 1
  }

  #space(): void {
    while (isSpace(this.#bytes[this.#at])) this.#at += 1
  }

  #take(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false
    this.#at += 1
    return true
  }

  #fail(problem: string, at = this.#at): never {
    throw invalidAt(this.#bytes, at, problem)
  }
}
