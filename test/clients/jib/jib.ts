/** jib: its library from Maven Central, and a Java program that pushes with it. */
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { $with } from '../command.ts'

const JARS = join(import.meta.dirname, '../../../node_modules/.cache/jib-core@0.28.1')

/**
 * Fetches the jars, once.
 * @returns the command that runs the program, to which its arguments are added
 */
export async function fetchJib(): Promise<string[]> {
  if (!existsSync(JARS)) {
    console.log('mvn dependency:copy-dependencies (jib-core 0.28.1)')
    const partial = `${JARS}.partial`
    await rm(partial, { recursive: true, force: true })
    const mvn = $with({ cwd: import.meta.dirname, timeout: 600_000 })
    await mvn`mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=${partial}`
    await rename(partial, JARS)
  }
  return ['java', '-cp', join(JARS, '*'), join(import.meta.dirname, 'Containerize.java')]
}
