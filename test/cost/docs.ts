/** Where src/docs/cost.md has the tables of what it costs. */
import { costTables } from './tables.ts'

/** The text of the page with the tables as the figures and prices give them. */
export function withTables(page: string): string {
  return Object.entries(costTables()).reduce((text, [name, table]) => {
    const place = new RegExp(`(<!-- cost: ${name}[^>]*-->\\n\\n)(?:\\|.*\\n)*`)
    if (!place.test(text)) throw new Error(`cost.md has no place for the table "${name}"`)
    return text.replace(place, (_, begin: string) => `${begin}${table}\n`)
  }, page)
}
