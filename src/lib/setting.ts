/**
 * The rows of a table of settings. A row says everything about one setting: which variable sets it, what the variable takes, what
 * holds without it, and what it means. A layer has a table of its own; http/middleware/settings-table.ts joins them.
 */

/** Reads another setting, for a parser that depends on it. */
export type ReadSetting = <Value>(setting: Setting<string, Value>) => Value

/** What several settings may have in common. */
export interface SettingKind<Value> {
  /** What the variable takes, in Markdown. */
  takes: string
  /** Holds where the variable is not set or empty. */
  default: Value
  /** The default in words, for a reader who would not know it by its value. */
  defaultText?: string
  /** @throws {Error} which says what is taken, and does not repeat a secret */
  parse: (text: string, read: ReadSetting) => Value
}

export interface Setting<Name extends string, Value> extends SettingKind<Value> {
  variable: Name
  /** For the operator: a sentence or two of Markdown. */
  meaning: string
  /** Settings that mean something only together with this one. Its parser reads them. */
  parts?: readonly Setting<Name, unknown>[]
}

/** Rows by the name that the code has for their value. */
export type SettingTable<Name extends string = string> = Readonly<
  Record<string, Setting<Name, unknown>>
>

export type VariableOf<Table> = Table extends SettingTable<infer Name> ? Name : never

/** The values of a table's rows. */
export type SettingsOf<Table extends SettingTable> = {
  readonly [Field in keyof Table]: Table[Field] extends Setting<string, infer Value> ? Value : never
}

/** Ties a row's default to what its parser returns. */
export function setting<const Name extends string, Value>(
  row: Setting<Name, Value>,
): Setting<Name, Value> {
  return row
}

export function flag(otherwise: boolean): SettingKind<boolean> {
  return {
    takes: '`true`, `false`',
    default: otherwise,
    parse: (text) => wordOf(['true', 'false'], text) === 'true',
  }
}

/** The first word is the default. */
export function oneOf<const Word extends string>(
  first: Word,
  ...others: readonly Word[]
): SettingKind<Word> {
  const words = [first, ...others]
  return {
    takes: words.map((word) => `\`${word}\``).join(', '),
    default: first,
    parse: (text) => wordOf(words, text),
  }
}

function wordOf<Word extends string>(words: readonly Word[], text: string): Word {
  const found = words.find((word) => word === text)
  if (found !== undefined) return found
  throw new Error(words.map((word) => `"${word}"`).join(' or '))
}

/** Of five digits at most. */
export function wholeNumber(min: number, max: number, otherwise: number): SettingKind<number> {
  return {
    takes: `${min} to ${max}`,
    default: otherwise,
    parse(text) {
      const given = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
      if (given >= min && given <= max) return given
      throw new Error(`a whole number from ${min} to ${max}`)
    },
  }
}

/** What stands between the commas of a list; no empty ones. */
export function listed(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  return items.filter((item) => item !== '')
}
