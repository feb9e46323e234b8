/** Referrers: OCI distribution spec, end-12, and the tags that clients of older registries kept instead. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../src/http/context.ts'
import { type Digest, digestOf, hexOf } from '../../src/oci/digest.ts'
import {
  MEDIA_TYPE_OCI_CONFIG,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
} from '../../src/oci/media-types.ts'
import {
  bindings,
  bytesOf,
  errorCodes,
  type PushedImage,
  pushImage,
  putManifest,
  send,
} from '../support/registry.ts'

const REPOSITORY = 'referrers/app'
const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`
const SIGNATURE = 'application/vnd.example.signature'
const SBOM = 'application/vnd.example.sbom'

interface Entry {
  mediaType: string
  digest: Digest
  size: number
  artifactType?: string
  annotations?: Record<string, string>
}

let subject: PushedImage
/** In the order of digests. */
let expected: Entry[] = []

function descriptorOf(image: { digest: Digest; bytes: Uint8Array }, mediaType: string): Entry {
  return { mediaType, digest: image.digest, size: image.bytes.length }
}

function sorted(entries: Entry[]): Entry[] {
  return entries.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
}

/** Pushes an artifact that refers to `to`, and returns how a list of referrers shows it. */
async function refer(to: Entry, extra: Partial<Entry>): Promise<Entry> {
  const image = await pushImage(REPOSITORY, 'referrer', { subject: to, ...extra })
  return {
    ...descriptorOf(image, MEDIA_TYPE_OCI_MANIFEST),
    artifactType: MEDIA_TYPE_OCI_CONFIG,
    ...extra,
  }
}

async function list(path: string, environment?: Env) {
  const response = await send('GET', path, {}, environment)
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe(MEDIA_TYPE_OCI_INDEX)
  const { manifests, ...rest } = await response.json<{ manifests: Entry[] }>()
  expect(rest).toEqual({ schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX })
  return {
    manifests,
    link: response.headers.get('Link'),
    filters: response.headers.get('OCI-Filters-Applied'),
  }
}

function pathOf(digest: Digest): string {
  return `/v2/${REPOSITORY}/referrers/${digest}`
}

beforeAll(async () => {
  subject = await pushImage(REPOSITORY, 'subject')
  const to = descriptorOf(subject, MEDIA_TYPE_OCI_MANIFEST)
  const index = bytesOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE_OCI_INDEX,
      manifests: [],
      subject: to,
      annotations: { kind: 'index' },
    }),
  )
  await putManifest(REPOSITORY, 'index-referrer', index, MEDIA_TYPE_OCI_INDEX)
  expected = sorted([
    await refer(to, { artifactType: SIGNATURE, annotations: { by: '1', '': '\u0000"' } }),
    await refer(to, { artifactType: SIGNATURE, annotations: { by: '2' } }),
    await refer(to, { artifactType: SBOM }),
    // An image without an artifactType is of its config's media type, an index without one has none.
    await refer(to, { annotations: {} }),
    {
      ...descriptorOf({ digest: await digestOf(index), bytes: index }, MEDIA_TYPE_OCI_INDEX),
      annotations: { kind: 'index' },
    },
  ])
  await refer({ ...to, digest: UNKNOWN }, { artifactType: SIGNATURE })
})

describe('the referrers of a digest', () => {
  it('are all that name it as their subject, with type and annotations', async () => {
    const { manifests, link, filters } = await list(pathOf(subject.digest))
    expect(manifests).toEqual(expected)
    expect(link).toBeNull()
    expect(filters).toBeNull()
  })

  it('are also of a subject that is not there', async () => {
    expect((await list(pathOf(UNKNOWN))).manifests).toHaveLength(1)
  })

  it.each<[string, string]>([
    ['a digest that nothing refers to', `/v2/${REPOSITORY}/referrers/sha256:${'1'.repeat(64)}`],
    ['a sha512 digest', `/v2/${REPOSITORY}/referrers/sha512:${'1'.repeat(128)}`],
    ['an unknown repository', `/v2/referrers/unknown/referrers/${UNKNOWN}`],
  ])('of %s are an empty list', async (_, path) => {
    expect((await list(path)).manifests).toEqual([])
  })

  it.each(['latest', 'sha256:0', `md5:${'0'.repeat(32)}`, '%00', ''])(
    'of "%s", which is no digest, are 400',
    async (digest) => {
      const response = await send('GET', `/v2/${REPOSITORY}/referrers/${digest}`)
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['DIGEST_INVALID'])
    },
  )

  it('go with the manifest', async () => {
    const to = { ...descriptorOf(subject, MEDIA_TYPE_OCI_MANIFEST), digest: UNKNOWN }
    const gone = await refer({ ...to, digest: `sha256:${'2'.repeat(64)}` }, {})
    const path = pathOf(`sha256:${'2'.repeat(64)}`)
    expect((await list(path)).manifests).toEqual([gone])
    await send('DELETE', `/v2/${REPOSITORY}/manifests/${gone.digest}`)
    expect((await list(path)).manifests).toEqual([])
  })
})

describe('?artifactType=', () => {
  it.each<[string, string]>([
    ['a type', SIGNATURE],
    ["a config's type", MEDIA_TYPE_OCI_CONFIG],
    ['a type that none has', 'application/none'],
    ['a wildcard of SQL', '%'],
    ['a quote', "' OR 1=1 --"],
  ])('%s filters, and says so', async (_, type) => {
    const path = `${pathOf(subject.digest)}?artifactType=${encodeURIComponent(type)}`
    const { manifests, filters } = await list(path)
    expect(manifests).toEqual(expected.filter(({ artifactType }) => artifactType === type))
    expect(filters).toBe('artifactType')
  })

  it('of a type with a plus may be written raw or as %2B', async () => {
    const type = MEDIA_TYPE_OCI_CONFIG
    const ofType = expected.filter(({ artifactType }) => artifactType === type)
    expect(ofType.length).toBeGreaterThan(0)
    for (const written of [type, type.replaceAll('+', '%2B'), encodeURIComponent(type)]) {
      const { manifests } = await list(`${pathOf(subject.digest)}?n=100&artifactType=${written}`)
      expect(manifests).toEqual(ofType)
    }
    const spaced = `${pathOf(subject.digest)}?artifactType=${type.replaceAll('+', '%20')}`
    expect((await list(spaced)).manifests).toEqual([])
  })

  it('of nothing does not filter', async () => {
    const { manifests, filters } = await list(`${pathOf(subject.digest)}?artifactType=`)
    expect(manifests).toEqual(expected)
    expect(filters).toBeNull()
  })
})

describe('pages', () => {
  it.each<[string, string, Env | undefined, number]>([
    ['of n', '?n=2', undefined, 5],
    ['of REFERRERS_PAGE_MAX', '', { ...bindings, REFERRERS_PAGE_MAX: '2' }, 5],
    [
      'of REFERRERS_PAGE_MAX, though n is more',
      '?n=9',
      { ...bindings, REFERRERS_PAGE_MAX: '2' },
      5,
    ],
    ['of what a filter leaves', `?n=1&artifactType=${SIGNATURE}`, undefined, 2],
  ])('%s are linked, and together are all', async (_, query, environment, count) => {
    const found: Entry[] = []
    let pages = 0
    for (let path = `${pathOf(subject.digest)}${query}`; ; ) {
      const { manifests, link } = await list(path, environment)
      pages += 1
      found.push(...manifests)
      if (link === null) break
      expect(manifests.length).toBeGreaterThan(0)
      path = /^<([^>]+)>; rel="next"$/.exec(link)?.[1] ?? ''
    }
    const all = query.includes('artifactType')
      ? expected.filter(({ artifactType }) => artifactType === SIGNATURE)
      : expected
    expect(found).toEqual(all)
    expect(found).toHaveLength(count)
    expect(pages).toBe(query.includes('n=1') ? 2 : 3)
  })

  it('end before their annotations take more than 2 MiB, and together are all', async () => {
    const large = descriptorOf(await pushImage(REPOSITORY, 'large'), MEDIA_TYPE_OCI_MANIFEST)
    const referrers: Entry[] = []
    for (let index = 0; index < 11; index++) {
      referrers.push(await refer(large, { annotations: { padding: 'x'.repeat(250_000) } }))
    }
    const found: Entry[] = []
    const sizes: number[] = []
    for (let path = pathOf(large.digest); ; ) {
      const { manifests, link } = await list(path)
      found.push(...manifests)
      sizes.push(manifests.length)
      if (link === null) break
      path = /^<([^>]+)>; rel="next"$/.exec(link)?.[1] ?? ''
    }
    expect(found).toEqual(sorted(referrers))
    expect(sizes).toEqual([9, 2])
  })

  it('have their parameters in alphabetical order', async () => {
    const { link } = await list(`${pathOf(subject.digest)}?n=1&artifactType=${SIGNATURE}`)
    const last = encodeURIComponent(
      expected.find(({ artifactType }) => artifactType === SIGNATURE)?.digest ?? '',
    )
    const type = encodeURIComponent(SIGNATURE)
    const query = `artifactType=${type}&last=${last}&n=1`
    expect(link).toBe(`<${pathOf(subject.digest)}?${query}>; rel="next"`)
  })

  it('of none are empty, without a Link', async () => {
    const { manifests, link } = await list(`${pathOf(subject.digest)}?n=0`)
    expect([manifests, link]).toEqual([[], null])
  })

  it.each<[string, string]>([
    ['n=-1', 'PAGINATION_NUMBER_INVALID'],
    ['n=x', 'PAGINATION_NUMBER_INVALID'],
    ['last=x', 'DIGEST_INVALID'],
    ['last=sha256:0', 'DIGEST_INVALID'],
  ])('?%s is 400', async (query, code) => {
    const response = await send('GET', `${pathOf(subject.digest)}?${query}`)
    expect(response.status).toBe(400)
    expect(await errorCodes(response)).toEqual([code])
  })
})

describe('the tag of the referrers tag schema', () => {
  let tagged: PushedImage
  let own: Entry
  let old: Entry

  async function putFallback(target: Digest, manifests: Entry[]): Promise<Response> {
    const tag = `sha256-${hexOf(target)}`
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests }
    return putManifest(REPOSITORY, tag, bytesOf(JSON.stringify(index)), MEDIA_TYPE_OCI_INDEX)
  }

  beforeAll(async () => {
    tagged = await pushImage(REPOSITORY, 'tagged')
    own = await refer(descriptorOf(tagged, MEDIA_TYPE_OCI_MANIFEST), { artifactType: SBOM })
    const { digest, bytes } = await pushImage(REPOSITORY, 'from-before')
    old = {
      ...descriptorOf({ digest, bytes }, MEDIA_TYPE_OCI_MANIFEST),
      artifactType: SIGNATURE,
      annotations: { kept: 'in the tag' },
    }
    // A client that keeps the tag up to date lists what the registry knows, too, and perhaps worse.
    const { artifactType: _, ...worse } = own
    expect((await putFallback(tagged.digest, [old, worse])).status).toBe(201)
  })

  it('is merged with what the registry knows, which wins', async () => {
    expect((await list(pathOf(tagged.digest))).manifests).toEqual(sorted([old, own]))
  })

  it('is filtered and paged, too', async () => {
    const filtered = await list(`${pathOf(tagged.digest)}?artifactType=${SIGNATURE}`)
    expect(filtered.manifests).toEqual([old])
    const [first, second] = sorted([old, own])
    const one = await list(`${pathOf(tagged.digest)}?n=1`)
    expect(one.manifests).toEqual([first])
    expect(one.link).not.toBeNull()
    const two = await list(`${pathOf(tagged.digest)}?n=1&last=${first?.digest}`)
    expect(two.manifests).toEqual([second])
    expect(two.link).toBeNull()
  })

  it('that is no index is nothing', async () => {
    const other = await pushImage(REPOSITORY, 'other')
    await putManifest(REPOSITORY, `sha256-${hexOf(other.digest)}`, other.bytes)
    expect((await list(pathOf(other.digest))).manifests).toEqual([])
  })

  it('of a sha512 digest has its first 64 digits', async () => {
    const digest: Digest = `sha512:${'a'.repeat(64)}${'b'.repeat(64)}`
    const index = bytesOf(JSON.stringify({ schemaVersion: 2, manifests: [old] }))
    await putManifest(REPOSITORY, `sha512-${'a'.repeat(64)}`, index, MEDIA_TYPE_OCI_INDEX)
    expect((await list(pathOf(digest))).manifests).toEqual([old])
  })
})
