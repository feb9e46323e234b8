/** What src/docs/cost.md says that it costs is what the figures and the prices give. */
import { expect, it } from 'vitest'
import page from '../../src/docs/cost.md?raw'
import { withTables } from './docs.ts'

it('cost.md has the computed tables', () => {
  expect(page).toBe(withTables(page))
})
