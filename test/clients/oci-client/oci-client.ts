/** oci-client: the crate, and a program in Rust that pushes and pulls with it. */
import { join } from 'node:path'
import { $with } from '../command.ts'

const TARGET = join(import.meta.dirname, '../../../node_modules/.cache/oci-client')

/** Builds the program where it is not up to date; returns its path. */
export async function buildOciClient(): Promise<string> {
  const env = { CARGO_TARGET_DIR: TARGET }
  const cargo = $with({ cwd: import.meta.dirname, env, timeout: 900_000 })
  await cargo`cargo build --locked --quiet`
  return join(TARGET, 'debug/oci-client-program')
}
