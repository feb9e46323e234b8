/**
 * Builds programs written in Go at pinned versions, once: they stay in `node_modules/.cache/`, in a folder named after the version.
 * `go install` refuses a module whose go.mod has `replace` or `exclude`, so each is built as what a module of our own needs.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $with } from './command.ts'

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/go')

/**
 * @param source import path of the program's main package
 * @param tags build tags, by which a program leaves out what no test needs
 * @returns the folder that holds the program
 * @throws {Error} when Go is missing or older than 1.21 (from then on it fetches the toolchain a module asks for)
 */
export async function goInstall(
  source: string,
  version: string,
  tags: readonly string[] = [],
): Promise<string> {
  const program = source.slice(source.lastIndexOf('/') + 1)
  const folder = join(CACHE, `${program}@${version}`)
  if (existsSync(join(folder, program))) return folder
  console.log(`go build ${source}@${version}`)
  const cwd = await mkdtemp(join(tmpdir(), 'berth-go-'))
  const env = { GOTOOLCHAIN: 'auto', GOFLAGS: '-mod=mod', CGO_ENABLED: '0' }
  const go = $with({ cwd, env, timeout: 900_000 })
  try {
    await go`go mod init clients`
    await go`go get ${source}@${version}`
    await go`go build -tags=${tags.join(',')} -o ${join(folder, program)} ${source}`
  } finally {
    await rm(cwd, { recursive: true })
  }
  return folder
}
