/** The variables that an operator may set, each of them optional, as settings-table.ts has them. */
import { nearestName } from '../../lib/nearest-name.ts'
import type { Setting, VariableOf } from '../../lib/setting.ts'
import { SETTINGS } from './settings-table.ts'

export type SettingName = VariableOf<typeof SETTINGS>

/** The variables as they are bound. */
export type SettingVariables = { [Name in SettingName]?: string }

/** The row of each variable once: two settings may come from one. */
export const SETTING_ROWS: ReadonlyMap<SettingName, Setting<SettingName, unknown>> = new Map(
  Object.values<Setting<SettingName, unknown>>(SETTINGS)
    .flatMap((row) => [row, ...(row.parts ?? [])])
    .map((row) => [row.variable, row]),
)

const SETTING_NAMES = [...SETTING_ROWS.keys()]

/** Of a name that is no variable's, the variable's that it is nearly; null for all others. */
export function misspeltSetting(name: string): SettingName | null {
  return isSettingName(name) ? null : nearestName(name, SETTING_NAMES)
}

export function isSettingName(name: string): boolean {
  return SETTING_NAMES.some((known) => known === name)
}
