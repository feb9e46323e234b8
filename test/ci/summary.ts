/**
 * Prints the one line that ends a CI run, `N passed, N failed`, counted from the JUnit reports that the steps wrote.
 *
 * Usage: `node test/ci/summary.ts step:status[:report...] ...`, with the exit status of each step. A step that failed without a failed
 * case in its reports (it crashed, timed out, or has no report) counts as one failure. Exits 1 when anything failed.
 */
import { readFileSync } from 'node:fs'
import { testCases } from './junit.ts'

let passed = 0
let failed = 0
for (const argument of process.argv.slice(2)) {
  const [step, status, ...reports] = argument.split(':')
  const cases = reports.flatMap(casesOf)
  const failures = cases.filter(({ outcome }) => outcome === 'failed')
  for (const { name } of failures) console.error(`${step}: failed: ${name}`)
  if (status !== '0' && failures.length === 0) console.error(`${step}: exit status ${status}`)
  passed += cases.filter(({ outcome }) => outcome === 'passed').length
  failed += failures.length > 0 || status === '0' ? failures.length : 1
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

/** No report is no cases: a step that should have written one has then failed, and its status says so. */
function casesOf(report: string) {
  try {
    return testCases(readFileSync(report, 'utf8'))
  } catch (error) {
    console.error(`no report: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
}
