/**
 * `npm run conformance`: runs the OCI distribution conformance suite, for OCI_VERSION 1.1 and then dev, against a Berth that is
 * open and against one that asks for logins, which it starts; or against `REGISTRY=host:port`, with OCI_USERNAME and OCI_PASSWORD
 * where it asks for them. `-- --storage s3` lets it store bytes in an S3 server, `-- --storage folder` in a folder. Results lie in `.reports/conformance-<version>/` and `.reports/conformance-<version>-auth/`. Any failed
 * or skipped case fails the run. Meant is the suite at commit 967efdc079b91785ad18c77cc4f8991a47feefbf; the Go module proxy does not serve that version,
 * so the pinned one is a later commit of the same branch.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { type TestCase, testCases } from '../ci/junit.ts'
import { CLOSED, startBerth } from '../clients/berth.ts'
import { $with, exitOnSignal } from '../clients/command.ts'
import { goInstall } from '../clients/go-install.ts'
import { type StartedStorage, startStorage } from '../storage/started.ts'

const SUITE = 'github.com/opencontainers/distribution-spec/conformance'
const SUITE_VERSION = 'v0.0.0-20260831232431-97274622c111'
const REPORTS = join(import.meta.dirname, '../../.reports')

exitOnSignal()
process.env.PATH = [process.env.PATH, '/usr/local/go/bin'].join(delimiter)
const suite = join(await goInstall(SUITE, SUITE_VERSION), 'conformance')
const VERSIONS = ['1.1', 'dev']

const given = process.env.REGISTRY
if (given === undefined) {
  const storage = await startStorage()
  await conformsHere(storage, {}, {})
  const credentials = {
    OCI_USERNAME: 'admin',
    OCI_PASSWORD: CLOSED.ADMIN_PASSWORD,
    // With its cache the suite takes one token for all pushes to a repository, and never asks for one that covers the source of
    // a mount, as clients do.
    OCI_CACHE_AUTH: 'false',
  }
  await conformsHere({ ...storage, suffix: `${storage.suffix}-auth` }, CLOSED, credentials)
  await storage.stop()
} else {
  await conformsThere(given, '', {})
}

/** Asks it of a Berth with these variables. */
async function conformsHere(
  { suffix, vars: stored, inFolder }: StartedStorage,
  vars: Record<string, string>,
  credentials: Record<string, string>,
): Promise<void> {
  const berth = await startBerth({
    vars: { ...stored, ...vars },
    inFolder,
    log: `conformance${suffix}-berth.log`,
  })
  try {
    await conformsThere(berth.host, suffix, credentials)
  } finally {
    await berth.stop()
  }
}

async function conformsThere(
  host: string,
  suffix: string,
  credentials: Record<string, string>,
): Promise<void> {
  for (const version of VERSIONS) {
    const run = `${version}${suffix}`
    const repository = `conformance/${run}-${process.pid}`
    const conforms = await runSuite(run, {
      OCI_REGISTRY: host,
      OCI_TLS: 'disabled',
      OCI_REPO1: `${repository}/one`,
      OCI_REPO2: `${repository}/two`,
      OCI_VERSION: version,
      ...credentials,
    })
    if (!conforms) process.exitCode = 1
  }
}

/** Runs the suite once and prints the counts; false when a case failed or was skipped. */
async function runSuite(run: string, settings: Record<string, string>): Promise<boolean> {
  const results = join(REPORTS, `conformance-${run}`)
  await rm(results, { recursive: true, force: true })
  await mkdir(results, { recursive: true })
  const env = { ...settings, OCI_RESULTS_DIR: results }
  // The suite exits 1 when a case fails; the report tells which, and without a report the error stands.
  const crash = await $with({ env, cwd: results, timeout: 600_000 })`${suite}`.then(
    () => undefined,
    (error: Error) => error,
  )
  const report = await readFile(join(results, 'junit.xml'), 'utf8').catch(() => {
    throw crash ?? new Error(`the suite wrote no report to ${results}`)
  })
  const cases = testCases(report)
  const failed = cases.filter(({ outcome }) => outcome === 'failed')
  const [disabled, skipped] = disabledAndSkipped(report, cases)
  const passed = cases.length - failed.length - skipped.length - disabled.length
  console.log(
    `OCI conformance ${run}: ${passed} passed / ${failed.length} failed / ` +
      `${skipped.length} skipped / ${disabled.length} disabled`,
  )
  for (const { outcome, name, output } of [...failed, ...skipped]) {
    console.log(`  ${outcome}: ${name}${output === '' ? '' : `: ${output.trim()}`}`)
  }
  return passed > 0 && failed.length === 0 && skipped.length === 0
}

/**
 * Tells the cases that the suite's configuration switches off (for 1.1, what only the next version of the specification asks)
 * from those that it skipped because of the registry. The report calls both skipped; a skip has a reason, and the suite's own
 * number of disabled cases must agree.
 */
function disabledAndSkipped(report: string, cases: readonly TestCase[]): [TestCase[], TestCase[]] {
  const all = cases.filter(({ outcome }) => outcome === 'skipped')
  const disabled = all.filter(({ output }) => output === '')
  const counted = Number(/<testsuites[^>]* disabled="(\d+)"/.exec(report)?.[1] ?? 0)
  if (disabled.length !== counted) {
    throw new Error(`${disabled.length} cases look disabled, the suite counted ${counted}`)
  }
  return [disabled, all.filter(({ output }) => output !== '')]
}
