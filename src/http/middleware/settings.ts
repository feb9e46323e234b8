/**
 * Reads and validates the operator's settings, from `[vars]` of wrangler.toml or from secrets, once for each set of variables. An error
 * names the variable and the values that it accepts.
 */
import { readerOf, SettingError, type SettingsOf } from '../../lib/setting.ts'
import { misspeltSetting, type SettingVariables } from './setting-names.ts'
import { SETTINGS } from './settings-table.ts'

export type Settings = SettingsOf<typeof SETTINGS>

/** An unknown variable with nearly the name of a known one. Ignoring it would silently leave off what its owner meant. */
class MisspeltSettingError extends SettingError {
  constructor(variable: string, meant: string) {
    super(variable, '')
    this.message = `there is no setting ${variable}: did you mean ${meant}?`
  }
}

const cache = new WeakMap<SettingVariables, Settings>()

/** @throws {SettingError} for the first invalid variable */
export function readSettings(variables: SettingVariables): Settings {
  const known = cache.get(variables)
  if (known !== undefined) return known
  refuseMisspelt(variables)
  const read = readerOf(variables)
  const settings = Object.fromEntries(
    Object.entries(SETTINGS).map(([field, row]) => [field, read<unknown>(row)]),
    // The type of the table: each field has the type that its row's parser returns.
  ) as Settings
  cache.set(variables, settings)
  return settings
}

/** Skips objects: buckets, queues and other bindings, which may have any name. */
function refuseMisspelt(bound: object): void {
  for (const [name, value] of Object.entries(bound)) {
    const meant = typeof value === 'object' ? null : misspeltSetting(name)
    if (meant !== null) throw new MisspeltSettingError(name, meant)
  }
}
