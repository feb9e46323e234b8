/** What src/docs/configuration.md says about each setting is what the table of settings has. */
import { expect, it } from 'vitest'
import page from '../../../src/docs/configuration.md?raw'
import { SETTING_ROWS } from '../../../src/http/middleware/setting-names.ts'
import { withSettings } from '../settings-docs.ts'

it('the page describes every setting as it is read', () => {
  expect(page).toBe(withSettings(page))
  for (const variable of SETTING_ROWS.keys()) expect(page).toContain(`\n| \`${variable}\` `)
})
