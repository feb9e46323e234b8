/** Sequences of what clients may do with a few uploads, right or wrong, one after another or at once. */
import fc from 'fast-check'
import { PART } from './uploads.ts'

export const UPLOADS_AT_MOST = 4

/** Of the two that a sequence has. */
const repository = fc.constantFrom(0, 1)

const size = fc.oneof(
  { weight: 15, arbitrary: fc.constantFrom(0, 1, 2) },
  { weight: 150, arbitrary: fc.integer({ min: 3, max: 5000 }) },
  { weight: 1, arbitrary: fc.integer({ min: PART - 2, max: PART + 40_000 }) },
)
const algorithm = fc.constantFrom('sha256', 'sha256', 'sha512')

/** Of the upload's locations: that of the POST, the first that a PATCH gave, the latest. */
const id = fc.constantFrom('fresh', 'begun', 'latest', 'latest')

const patch = fc.record({
  kind: fc.constant('patch'),
  upload: fc.nat(UPLOADS_AT_MOST - 1),
  id,
  size,
  chunked: fc.boolean(),
  /** Bytes from the true offset; null sends no offset. */
  shift: fc.constantFrom(null, null, 0, 0, 0, 3, -3, 5000),
})
const put = fc.record({
  kind: fc.constant('put'),
  upload: fc.nat(UPLOADS_AT_MOST - 1),
  id,
  size: fc.oneof(fc.constant(0), size),
  chunked: fc.boolean(),
  shift: fc.constantFrom(null, null, null, 0, 0, 3, -3),
  algorithm,
  /** Of all bytes with the body, of the body alone, of the bytes before it, or of others. */
  digestOf: fc.constantFrom('all', 'all', 'all', 'all', 'body', 'committed', 'others'),
})
const ask = fc.record({
  kind: fc.constantFrom('status', 'cancel', 'repeat', 'elsewhere'),
  upload: fc.nat(UPLOADS_AT_MOST - 1),
  id,
})
/** What goes out at once. */
const group = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.oneof(patch, patch, put, ask)) },
  {
    weight: 2,
    arbitrary: fc.array(fc.oneof(patch, patch, put, ask), { minLength: 2, maxLength: 3 }),
  },
)
const begin = fc.record({
  begin: repository,
  algorithm: fc.constantFrom(null, 'sha256', 'sha512'),
})
const evict = fc.record({ evict: fc.nat(UPLOADS_AT_MOST - 1) })
const single = fc.record({
  single: repository,
  size,
  algorithm,
  chunked: fc.boolean(),
  wrong: fc.boolean(),
})

export const sequence = fc.tuple(
  begin,
  fc.array(
    fc.oneof(
      { weight: 14, arbitrary: fc.record({ group }) },
      { weight: 3, arbitrary: begin },
      { weight: 2, arbitrary: evict },
      { weight: 1, arbitrary: single },
    ),
    { minLength: 1, maxLength: 14, size: 'max' },
  ),
)

type Generated<T> = T extends fc.Arbitrary<infer G> ? G : never
export type Sequence = Generated<typeof sequence>
export type Ask = Generated<typeof group>[number]
export type Single = Generated<typeof single>
