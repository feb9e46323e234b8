/** Reads the documents from the repository. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { README, type Source } from './contents.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const FOLDER = join(ROOT, 'src/docs')

/** README.md and all Markdown files of src/docs/. */
export function readSources(): Source[] {
  const files = [README, ...names('.md').map((name) => `src/docs/${name}`)]
  return files.map((file) => ({ file, markdown: readFileSync(join(ROOT, file), 'utf8') }))
}

/** The JSON files of src/docs/, which documents link to. */
export function readAttached(): Map<string, string> {
  return new Map(names('.json').map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]))
}

function names(ending: string): string[] {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && name !== 'site/tsconfig.json')
    .toSorted()
}
