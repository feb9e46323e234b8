/**
 * `node more.ts FILE VARIABLE NUMBER`: runs one test file that tries something so often as an environment variable says, more often
 * than CI does. `npm run model -- 10000`, `npm run crashes -- 100`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
const [file, variable, number = ''] = process.argv.slice(2)
if (file === undefined || variable === undefined || !/^[1-9]\d*$/.test(number)) {
  console.error('a whole number is missing: how often?')
  process.exit(2)
}
const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--config', 'test/vitest.config.ts', file],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, [variable]: number } },
)
process.exit(status ?? 1)
