/** Writes the table of settings into README.md: `node test/http/write-readme.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { withSettings } from './settings-readme.ts'

const path = resolve(import.meta.dirname, '../../README.md')
writeFileSync(path, withSettings(readFileSync(path, 'utf8')))
