/** Writes the table of settings into src/docs/configuration.md: `node test/http/write-docs.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { withSettings } from './settings-docs.ts'

const path = resolve(import.meta.dirname, '../../src/docs/configuration.md')
writeFileSync(path, withSettings(readFileSync(path, 'utf8')))
