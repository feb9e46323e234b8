/** What README.md says that it costs is what the figures and the prices give. */
import { expect, it } from 'vitest'
import readme from '../../README.md?raw'
import { withTables } from './readme.ts'

it('README.md has the computed tables', () => {
  expect(readme).toBe(withTables(readme))
})
