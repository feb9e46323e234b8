/**
 * `node more.ts FILE VARIABLE AT_ONCE NUMBER`: runs one test file that tries something as often as an environment variable says, more
 * often than CI does. Each run tries AT_ONCE at most: every upload leaves an open file in the runtime's process.
 * `npm run model -- 10000`, `npm run crashes -- 100`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
const [file, variable, atOnce = '', number = ''] = process.argv.slice(2)
if (file === undefined || variable === undefined || !/^[1-9]\d*$/.test(number)) {
  console.error('a whole number is missing: how often?')
  process.exit(2)
}
const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
for (let left = Number(number); left > 0; left -= Number(atOnce)) {
  const tries = String(Math.min(left, Number(atOnce)))
  console.log(`${file}: ${tries} of ${left}`)
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', '--config', 'test/vitest.config.ts', file],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, [variable]: tries } },
  )
  if (status !== 0) process.exit(status ?? 1)
}
