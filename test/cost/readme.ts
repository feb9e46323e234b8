/** Where README.md has the tables of what it costs. */
import { readmeTables } from './tables.ts'

/** `readme` with the tables as the figures and prices give them. */
export function withTables(readme: string): string {
  return Object.entries(readmeTables()).reduce((text, [name, table]) => {
    const place = new RegExp(`(<!-- cost: ${name}[^>]*-->\\n\\n)(?:\\|.*\\n)*`)
    if (!place.test(text)) throw new Error(`README.md has no place for the table "${name}"`)
    return text.replace(place, (_, begin: string) => `${begin}${table}\n`)
  }, readme)
}
