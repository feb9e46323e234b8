/**
 * The rows of a table of settings. A row says everything about one setting: which variable sets it, what the variable takes, what
 * holds without it, and what it means. A layer has a table of its own; http/middleware/settings-table.ts joins them.
 */

/** Reads another setting, for a parser that depends on it. */
export type ReadSetting = <Value>(setting: Setting<string, Value>) => Value

/** The properties that several settings may share. */
export interface SettingKind<Value> {
  /** The values that the variable takes, in Markdown. */
  takes: string
  /** The value if the variable is empty or not set. */
  default: Value
  /** The default in words, where its value would not explain it. */
  defaultText?: string
  /** @throws {Error} that says which values are taken, and does not repeat a secret */
  parse: (text: string, read: ReadSetting) => Value
}

export interface Setting<Name extends string, Value> extends SettingKind<Value> {
  variable: Name
  /** One or two sentences for the operator, in Markdown. */
  meaning: string
  /** Settings that have a meaning only together with this one. The parser of this one reads them. */
  parts?: readonly Setting<Name, unknown>[]
}

/** The rows, by the name that code uses for the value. */
export type SettingTable<Name extends string = string> = Readonly<
  Record<string, Setting<Name, unknown>>
>

export type VariableOf<Table> = Table extends SettingTable<infer Name> ? Name : never

export type SettingsOf<Table extends SettingTable> = {
  readonly [Field in keyof Table]: Table[Field] extends Setting<string, infer Value> ? Value : never
}

/** Gives a row's default and parser the same type. */
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

/** A whole number of at most five digits. */
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

/** The items of a comma-separated list, without empty ones. */
export function listed(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  return items.filter((item) => item !== '')
}

/** The error of a setting. It names the variable and the values that it accepts. */
export class SettingError extends Error {
  override readonly name = 'SettingError'

  constructor(variable: string, takes: string) {
    super(`the setting ${variable} is not valid: it takes ${takes}`)
  }
}

/**
 * Reads the parts of a setting too, so that an invalid part is reported even if the setting itself is not set. Errors name the invalid
 * variable: that of the setting, or of another setting that it depends on.
 */
export function readerOf(variables: Readonly<Record<string, string | undefined>>): ReadSetting {
  const read: ReadSetting = (setting) => {
    for (const part of setting.parts ?? []) read(part)
    const text = variables[setting.variable]
    if (text === undefined || text === '') return setting.default
    try {
      return setting.parse(text, read)
    } catch (error) {
      throw settingError(setting.variable, error)
    }
  }
  return read
}

function settingError(variable: string, error: unknown): SettingError {
  if (error instanceof SettingError) return error
  return new SettingError(variable, error instanceof Error ? error.message : String(error))
}
