/** What README.md says about each setting is what the table of settings has. */
import { expect, it } from 'vitest'
import readme from '../../../README.md?raw'
import { SETTING_ROWS } from '../../../src/http/middleware/setting-names.ts'
import { withSettings } from '../settings-readme.ts'

it('README.md describes every setting as it is read', () => {
  expect(readme).toBe(withSettings(readme))
  for (const variable of SETTING_ROWS.keys()) expect(readme).toContain(`\n| \`${variable}\` `)
})
