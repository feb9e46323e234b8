/** All rows of `npm run bench` and `npm run bench:peers`, in the order in which they are measured; to add one, add an entry. */
import { LARGE_ROWS } from './large-rows.ts'
import { SMALL_ROWS } from './small-rows.ts'

export const ROWS = [...LARGE_ROWS, ...SMALL_ROWS]
