/** Writes the tables of what it costs into src/docs/cost.md: `node test/cost/write-docs.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { withTables } from './docs.ts'

const path = resolve(import.meta.dirname, '../../src/docs/cost.md')
writeFileSync(path, withTables(readFileSync(path, 'utf8')))
