/** The names of the variables in settings-table.ts. All are optional. */
import { nearestName } from '../../lib/nearest-name.ts'
import type { Setting, VariableOf } from '../../lib/setting.ts'
import { SETTINGS } from './settings-table.ts'

export type SettingName = VariableOf<typeof SETTINGS>

/** The variables as bindings of the Worker. */
export type SettingVariables = { [Name in SettingName]?: string }

/** One row for each variable. Two settings may share a variable. */
export const SETTING_ROWS: ReadonlyMap<SettingName, Setting<SettingName, unknown>> = new Map(
  Object.values<Setting<SettingName, unknown>>(SETTINGS)
    .flatMap((row) => [row, ...(row.parts ?? [])])
    .map((row) => [row.variable, row]),
)

const SETTING_NAMES = [...SETTING_ROWS.keys()]

/** The variable that a misspelt name probably means. Null if the name is a variable, or resembles none. */
export function misspeltSetting(name: string): SettingName | null {
  return isSettingName(name) ? null : nearestName(name, SETTING_NAMES)
}

export function isSettingName(name: string): boolean {
  return SETTING_NAMES.some((known) => known === name)
}
