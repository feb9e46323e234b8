/** Writes the operations of the administration API into http-api.md: `node test/docs/write-docs.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { withOperations } from './operations.ts'

const path = resolve(import.meta.dirname, '../../src/docs/spec/http-api.md')
writeFileSync(path, withOperations(readFileSync(path, 'utf8')))
