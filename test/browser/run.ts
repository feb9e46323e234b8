/**
 * `npm run browser`: opens the pages of a Berth that it starts in Debian's Chromium, which it installs when run as root.
 * `.reports/browser.xml` counts the tests, and `.reports/browser/` has a picture of each page.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startBerth } from '../clients/berth.ts'
import { installPackages } from '../clients/install.ts'

const REPORTS = join(import.meta.dirname, '../../.reports')
const MILLISECONDS_A_TEST = 60_000

await rm(join(REPORTS, 'browser'), { recursive: true, force: true })
await mkdir(join(REPORTS, 'browser'), { recursive: true })
await installPackages({ chromium: 'chromium' })
const files = (await readdir(import.meta.dirname)).filter((file) => file.endsWith('.browser.ts'))
const berth = await startBerth({ log: 'browser.log' })
try {
  const child = spawn(
    process.execPath,
    [
      '--test',
      `--test-timeout=${MILLISECONDS_A_TEST}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      '--test-reporter=junit',
      `--test-reporter-destination=${join(REPORTS, 'browser.xml')}`,
      ...files.map((file) => join(import.meta.dirname, file)),
    ],
    { env: { ...process.env, REGISTRY: berth.host }, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  const [code] = await once(child, 'close')
  process.exitCode = code ?? 1
} finally {
  await berth.stop()
}
