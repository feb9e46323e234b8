/**
 * Prints the one line that ends a CI run, `N passed, N failed`, counted from the JUnit reports that the steps wrote.
 *
 * Usage: `node test/ci/summary.ts step:status[:report...] ...`, with the exit status of each step. A step that failed without a
 * failed case in its reports, or that left out a report or wrote an empty one, counts as one failure. Exits 1 when anything
 * failed.
 */
import { existsSync, readFileSync } from 'node:fs'
import { type TestCase, testCases } from './junit.ts'

let passed = 0
let failed = 0
for (const argument of process.argv.slice(2)) {
  const [step, status, ...reports] = argument.split(':')
  const cases = reports.map(casesOf)
  const failures = cases.flat().filter(({ outcome }) => outcome === 'failed')
  for (const { name } of failures) console.error(`${step}: failed: ${name}`)
  passed += cases.flat().filter(({ outcome }) => outcome === 'passed').length
  failed += failures.length
  const silent = reports.filter((_, index) => cases[index]?.length === 0)
  for (const report of silent) console.error(`${step}: no test cases in ${report}`)
  if (failures.length === 0 && (status !== '0' || silent.length > 0)) {
    console.error(`${step}: failed with exit status ${status}`)
    failed += 1
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

function casesOf(report: string): TestCase[] {
  return existsSync(report) ? testCases(readFileSync(report, 'utf8')) : []
}
