/** The table of src/docs/configuration.md, as the settings' own table gives it. */
import { SETTING_ROWS } from '../../src/http/middleware/setting-names.ts'
import type { Setting } from '../../src/lib/setting.ts'

const PLACE = /(<!-- settings[^>]*-->\n\n)(?:\|.*\n)*/

/** `page` with the table of today's settings. */
export function withSettings(page: string): string {
  if (!PLACE.test(page)) throw new Error('the page has no place for the table of settings')
  return page.replace(PLACE, (_, begin: string) => `${begin}${settingsTable()}\n`)
}

function settingsTable(): string {
  const rows = [...SETTING_ROWS.values()].map((row) => [
    `\`${row.variable}\``,
    row.takes,
    defaultOf(row),
    row.meaning,
  ])
  return table(['variable', 'takes', 'default', 'meaning'], rows)
}

function defaultOf(row: Setting<string, unknown>): string {
  if (row.defaultText !== undefined) return row.defaultText
  const text = String(row.default ?? '')
  return text === '' ? 'none' : `\`${text}\``
}

/** As the formatter has tables. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, at) =>
    Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0)),
  )
  const render = (cells: string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const rule = widths.map((width) => '-'.repeat(width))
  return [head, rule, ...rows].map(render).join('\n')
}
