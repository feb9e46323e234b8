/** What README.md says that it costs is what the figures and the prices give. */
import { expect, it } from 'vitest'
import readme from '../../README.md?raw'
import { withTables } from './readme.ts'

it('has the tables as they are computed', () => {
  expect(readme).toBe(withTables(readme))
})
