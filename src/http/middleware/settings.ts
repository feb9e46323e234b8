/**
 * What an operator may set, in `[vars]` of wrangler.toml or as a secret: read and validated once for each set of variables.
 * An error names the variable and what it takes.
 */
import type { ReadSetting, SettingsOf } from '../../lib/setting.ts'
import { misspeltSetting, type SettingVariables } from './setting-names.ts'
import { SETTINGS } from './settings-table.ts'

export type Settings = SettingsOf<typeof SETTINGS>

export class SettingError extends Error {
  override readonly name = 'SettingError'

  constructor(variable: string, takes: string) {
    super(`the setting ${variable} is not valid: it takes ${takes}`)
  }
}

/** A variable that is none, and nearly one: what its owner meant would be off without a word. */
class MisspeltSettingError extends SettingError {
  constructor(variable: string, meant: string) {
    super(variable, '')
    this.message = `there is no setting ${variable}: did you mean ${meant}?`
  }
}

const cache = new WeakMap<SettingVariables, Settings>()

/** @throws {SettingError} for the first variable that is not valid */
export function readSettings(variables: SettingVariables): Settings {
  const known = cache.get(variables)
  if (known !== undefined) return known
  refuseMisspelt(variables)
  const read = readerOf(variables)
  const settings = Object.fromEntries(
    Object.entries(SETTINGS).map(([field, row]) => [field, read<unknown>(row)]),
    // The table's own type: each field has what its row's parser returns.
  ) as Settings
  cache.set(variables, settings)
  return settings
}

/** Buckets, queues and the like are bound beside the variables, under any name. */
function refuseMisspelt(bound: object): void {
  for (const [name, value] of Object.entries(bound)) {
    const meant = typeof value === 'object' ? null : misspeltSetting(name)
    if (meant !== null) throw new MisspeltSettingError(name, meant)
  }
}

/**
 * Reads the parts of a setting, too, so that a wrong one is told before the setting itself is used.
 * Its errors say which variable is wrong: that of the setting that is read, or of another that it depends on.
 */
function readerOf(variables: Readonly<Record<string, string | undefined>>): ReadSetting {
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
