/** configuration.md has every setting, and no other. */
import { expect, it } from 'vitest'
import { SETTING_ROWS } from '../../src/http/middleware/setting-names.ts'
import { firstNames, pageOf, tablesOf } from './pages.ts'

it('configuration.md has every setting, and no other', () => {
  const [, afterMark = ''] = pageOf('configuration.md').split('<!-- settings')
  const [table = []] = tablesOf(afterMark)
  expect(firstNames(table)).toEqual([...SETTING_ROWS.keys()])
})
