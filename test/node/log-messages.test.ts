/** src/docs/observing.md explains every line of the log. */
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'

const src = resolve(import.meta.dirname, '../../src')
const page = readFileSync(resolve(src, 'docs/observing.md'), 'utf8')

/** Messages that a function passes on are named by its callers. */
const PASSED_ON = /(?:readMessages|dropUnreadable)\([^']*?'([^']+)'/g
const LOGGED = /log(?:Info|Error)\(\s*\{\s*message: (?:'([^']+)'|(\w+))/g

const sources = globSync('**/*.ts', { cwd: src }).map((file) =>
  readFileSync(resolve(src, file), 'utf8'),
)
const messages = sources.flatMap((source) =>
  [...source.matchAll(LOGGED), ...source.matchAll(PASSED_ON)].flatMap(([, text]) => text ?? []),
)

it('observing.md explains every message of the log, and no other', () => {
  expect(messages.length).toBeGreaterThan(20)
  const [, section = ''] = page.split('\n### Other lines\n')
  const [table = ''] = /(?:^\|.*\n)+/m.exec(section) ?? []
  const rows = table.split('\n').map((row) => row.split(' | ')[0] ?? '')
  const explained = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text))
  const all = new Set(messages)
  // The section before explains it.
  all.delete('request')
  expect(explained.sort()).toEqual([...all].sort())
})
