/**
 * Renders the documents and the OpenAPI document to `.wrangler/docs/`, which the Worker serves under `/docs`. Wrangler runs this before it
 * bundles the Worker. Several builds may run at once: a file is replaced as a whole, and only if it changed.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { OperationAccess } from '../../http/api/access.ts'
import { operations } from '../../http/api/index.ts'
import { openApiDocument } from '../../http/api/openapi.ts'
import { apiReference, type OpenApi } from './api-reference.ts'
import { renderSite } from './site.ts'
import { readAttached, readSources } from './sources.ts'

const OUTPUT = resolve(import.meta.dirname, '../../../.wrangler/docs')

const WHO: Readonly<Record<OperationAccess, string>> = {
  none: 'everybody',
  'signed-in': 'everybody with a login',
  admin: 'administrators',
  account: 'administrators, and the account itself with its password',
  'repository-pull': 'everybody who may pull from the repository',
  'repository-admin': 'administrators of the repository',
  'repository-delete': 'administrators of the repository, unless deletes are disabled',
}

const openApi: OpenApi = JSON.parse(JSON.stringify(openApiDocument(operations, '/api/v1')))
const access = new Map(operations.map((operation) => [operation.id, WHO[operation.access]]))
const { files } = renderSite(readSources(), apiReference(openApi, access), readAttached())
for (const [name, text] of files) write(join(OUTPUT, name), text)
for (const old of listed()) if (!files.has(old)) rmSync(join(OUTPUT, old), { force: true })

function write(file: string, text: string): void {
  if (textOf(file) === text) return
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, text)
  renameSync(temporary, file)
}

/** Null if there is no such file. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

/** What is there, without the unfinished files of other builds. */
function listed(): string[] {
  return readdirSync(OUTPUT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name).slice(OUTPUT.length + 1))
}
