/** Writes the tables of what it costs into README.md: `node test/cost/write-readme.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { withTables } from './readme.ts'

const path = resolve(import.meta.dirname, '../../README.md')
writeFileSync(path, withTables(readFileSync(path, 'utf8')))
