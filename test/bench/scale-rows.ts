/** What is measured in databases of different sizes: requests whose work must not grow with what lies around. */
import { randomInt, randomUUID } from 'node:crypto'
import type { RegistryClient } from './registry-client.ts'
import type { Bar, Row } from './row.ts'
import { imageOf, repositoryOf, SUBJECT, tagOf } from './scale-fill.ts'

export interface Filled {
  /** Of the repository with all the images and referrers. */
  registry: RegistryClient
  size: number
}

const PAGE = 100
const SAMPLES = { runs: 15, batch: 20, concurrent: false }
/** Digests are spread evenly, so that half of them come after this one. */
const MIDDLE_DIGEST = `sha256:8${'0'.repeat(63)}`

export const SMALLEST = 1000
export const LARGEST = 1_000_000
const BARS: readonly Bar[] = [{ of: nameOf(LARGEST), to: nameOf(SMALLEST), most: 1.3, atOnce: [1] }]

/** A size as the report has it: 1,000,000. */
export function nameOf(size: number): string {
  return size.toLocaleString('en')
}

export const SCALE_ROWS: readonly Row<Filled>[] = [
  {
    id: 'manifest-get',
    title: 'manifest GET, any tag',
    bars: BARS,
    ...SAMPLES,
    setup:
      ({ registry, size }) =>
      () => {
        const tag = tagOf(randomInt(size))
        return () => registry.getManifest(tag)
      },
  },
  {
    id: 'manifest-put',
    title: 'manifest PUT, any tag',
    bars: BARS,
    ...SAMPLES,
    setup:
      ({ registry, size }) =>
      () => {
        const index = randomInt(size)
        const manifest = imageOf(index, randomUUID())
        return () => registry.putManifest(tagOf(index), manifest)
      },
  },
  {
    id: 'tags',
    title: `${PAGE} tags, from the middle`,
    bars: BARS,
    ...SAMPLES,
    setup: ({ registry, size }) => {
      const last = tagOf(size >> 1)
      const path = `${registry.repository}/tags/list?n=${PAGE}&last=${last}`
      return () => () => registry.expectList(path, 'tags', PAGE)
    },
  },
  {
    id: 'catalog',
    title: `${PAGE} of the catalog, from the middle`,
    bars: BARS,
    ...SAMPLES,
    setup: ({ registry, size }) => {
      const path = `_catalog?n=${PAGE}&last=${encodeURIComponent(repositoryOf(size >> 1))}`
      return () => () => registry.expectList(path, 'repositories', PAGE)
    },
  },
  {
    id: 'referrers',
    title: `${PAGE} referrers, from the middle`,
    bars: BARS,
    ...SAMPLES,
    setup: ({ registry }) => {
      const path = `${registry.repository}/referrers/${SUBJECT.digest}?n=${PAGE}&last=${MIDDLE_DIGEST}`
      return () => () => registry.expectList(path, 'manifests', PAGE)
    },
  },
]
