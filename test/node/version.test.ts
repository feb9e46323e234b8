/** The version is the same in package.json, its lock file and the list of changes. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(resolve(root, file), 'utf8')
const versionsOf = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, version]) => version)

it('the newest entry of CHANGELOG.md and the lock file have the version of package.json', () => {
  const { version } = JSON.parse(read('package.json'))
  const [newest] = versionsOf(read('.github/CHANGELOG.md'), /^## (\d+\.\d+\.\d+)\b/gm)
  const { version: locked, packages } = JSON.parse(read('package-lock.json'))
  expect([newest, locked, packages[''].version]).toEqual([version, version, version])
})
