/** The jobs and wrangler.toml name the same times. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { EVERY_HOUR, EVERY_MINUTE } from '../../src/maintenance/cron.ts'

it('wrangler.toml triggers every cron expression of the jobs, and no other', () => {
  const toml = readFileSync(resolve(import.meta.dirname, '../../wrangler.toml'), 'utf8')
  const triggers = /^crons = (\[.*\])$/m.exec(toml)?.[1] ?? ''
  expect(JSON.parse(triggers)).toEqual([EVERY_MINUTE, EVERY_HOUR])
})
