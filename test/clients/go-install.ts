/**
 * Installs programs written in Go at a pinned version with `go install`, once: they stay in `node_modules/.cache/`, in a folder
 * named after the version.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { $with } from './command.ts'

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/go')

/**
 * @param module import path of the program's main package
 * @returns the folder that holds the program
 * @throws {Error} when Go is missing or older than 1.21 (from then on it fetches the toolchain a module asks for)
 */
export async function goInstall(module: string, version: string): Promise<string> {
  const program = module.slice(module.lastIndexOf('/') + 1)
  const folder = join(CACHE, `${program}@${version}`)
  if (!existsSync(join(folder, program))) {
    console.log(`go install ${module}@${version}`)
    const go = $with({ env: { GOBIN: folder, GOTOOLCHAIN: 'auto' }, timeout: 600_000 })
    await go`go install ${module}@${version}`
  }
  return folder
}
