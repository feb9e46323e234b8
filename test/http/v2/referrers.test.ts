/** Referrers: OCI distribution spec, end-12, and the tags that clients of older registries kept instead. */
import { env } from 'cloudflare:workers'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { type Digest, digestOf, hexOf } from '../../../src/oci/digest.ts'
import {
  MEDIA_TYPE_OCI_CONFIG,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
} from '../../../src/oci/media-types.ts'
import { counted } from '../../support/counting.ts'
import {
  bindings,
  bytesOf,
  errorCodes,
  type PushedImage,
  pushImage,
  putManifest,
  send,
} from '../../support/registry.ts'

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

  it('are listed even if the subject does not exist', async () => {
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

  it('are removed with the manifest', async () => {
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

  it('is merged with the stored referrers, which win', async () => {
    expect((await list(pathOf(tagged.digest))).manifests).toEqual(sorted([old, own]))
  })

  it('is filtered and paged, too', async () => {
    const filtered = await list(`${pathOf(tagged.digest)}?artifactType=${SIGNATURE}`)
    expect(filtered.manifests).toEqual([old])
    // The tag may give a type to what the registry lists under another one.
    const lied = await pushImage(REPOSITORY, 'lied')
    const real = await refer(descriptorOf(lied, MEDIA_TYPE_OCI_MANIFEST), { artifactType: SBOM })
    await putFallback(lied.digest, [{ ...real, artifactType: SIGNATURE }])
    expect((await list(`${pathOf(lied.digest)}?artifactType=${SIGNATURE}`)).manifests).toEqual([])
    expect((await list(pathOf(lied.digest))).manifests).toEqual([real])
    const [first, second] = sorted([old, own])
    const one = await list(`${pathOf(tagged.digest)}?n=1`)
    expect(one.manifests).toEqual([first])
    expect(one.link).not.toBeNull()
    const two = await list(`${pathOf(tagged.digest)}?n=1&last=${first?.digest}`)
    expect(two.manifests).toEqual([second])
    expect(two.link).toBeNull()
  })

  it('that is not an index adds nothing', async () => {
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

  describe('keeps the entries of its index', () => {
    const anyEntry = (n: number, extra: Partial<Entry> = {}): Entry => ({
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: `sha256:${n.toString(16).padStart(64, '0')}`,
      size: n,
      ...extra,
    })
    let target: Digest
    let made = 0

    beforeEach(() => {
      made += 1
      target = `sha256:${made.toString(16).padStart(64, 'f')}`
    })

    /** Makes what is stored of the tag's manifest unreadable. */
    async function spoil(): Promise<void> {
      await env.DB.prepare(
        `UPDATE manifests SET payload = 'no JSON' WHERE payload IS NOT NULL
        AND digest IN (SELECT digest FROM tags WHERE name = ?1)`,
      )
        .bind(`sha256-${hexOf(target)}`)
        .run()
    }

    const listed = async () => (await list(pathOf(target))).manifests

    it('so that a list reads no manifest', async () => {
      const entries = [anyEntry(1, { annotations: { a: '\u0000"é語' } }), anyEntry(2)]
      await putFallback(target, entries)
      await spoil()
      const counts = await counted(async () => expect(await listed()).toEqual(entries))
      expect(counts).toMatchObject({ d1: 1, r2Reads: 0 })
    })

    it('when it is moved, and until it is deleted', async () => {
      await putFallback(target, [anyEntry(1), anyEntry(2), anyEntry(3)])
      const moved = [anyEntry(2), anyEntry(3, { artifactType: SBOM }), anyEntry(4)]
      await putFallback(target, moved)
      expect(await listed()).toEqual(moved)
      await putFallback(target, [anyEntry(1)])
      expect(await listed()).toEqual([anyEntry(1)])
      await putManifest(REPOSITORY, `sha256-${hexOf(target)}`, subject.bytes)
      expect(await listed()).toEqual([])
      await putFallback(target, [anyEntry(1)])
      await send('DELETE', `/v2/${REPOSITORY}/manifests/sha256-${hexOf(target)}`)
      expect(await listed()).toEqual([])
      const left = env.DB.prepare('SELECT 1 FROM fallback_entries WHERE tag = ?1')
      expect(await left.bind(`sha256-${hexOf(target)}`).first()).toBeNull()
    })

    it('of an older tag, at the first request', async () => {
      await putFallback(target, [anyEntry(1), anyEntry(2)])
      const tag = `sha256-${hexOf(target)}`
      await env.DB.batch([
        env.DB.prepare('UPDATE tags SET entries_of = NULL WHERE name = ?1').bind(tag),
        env.DB.prepare('DELETE FROM fallback_entries WHERE tag = ?1').bind(tag),
      ])
      expect(await listed()).toEqual([anyEntry(1), anyEntry(2)])
      await spoil()
      const counts = await counted(async () => expect(await listed()).toHaveLength(2))
      expect(counts.d1).toBe(1)
    })

    it('of a tag that an older version of the registry has moved', async () => {
      await putFallback(target, [anyEntry(1)])
      await putFallback(target, [anyEntry(2)])
      const tag = `sha256-${hexOf(target)}`
      const before = `SELECT digest FROM tag_history WHERE name = ?1 ORDER BY id LIMIT 1`
      await env.DB.prepare(`UPDATE tags SET digest = (${before}) WHERE name = ?1`).bind(tag).run()
      expect(await listed()).toEqual([anyEntry(1)])
    })

    it('up to 10,000 of them, and of a digest that comes twice the last one', async () => {
      const entries = Array.from({ length: 9_999 }, (_, n) => anyEntry(n))
      const last = anyEntry(0, { artifactType: SBOM })
      expect((await putFallback(target, [...entries, last])).status).toBe(201)
      const found: Entry[] = []
      for (let path = `${pathOf(target)}?n=1000`; ; ) {
        const { manifests, link } = await list(path)
        found.push(...manifests)
        if (link === null) break
        path = /^<([^>]+)>; rel="next"$/.exec(link)?.[1] ?? ''
      }
      expect(found).toEqual([last, ...entries.slice(1)])
    })

    it('without large annotations, and a page ends before they take more than 2 MiB', async () => {
      const padding = 'x'.repeat(250_000)
      const entries = Array.from({ length: 11 }, (_, n) =>
        anyEntry(n, { annotations: { padding } }),
      )
      const large = anyEntry(11, {
        artifactType: SBOM,
        annotations: { padding: 'x'.repeat(270_000) },
      })
      const { annotations: _, ...small } = large
      expect((await putFallback(target, [...entries, large])).status).toBe(201)
      const first = await list(pathOf(target))
      expect(first.manifests).toEqual(entries.slice(0, 9))
      const second = await list(/^<([^>]+)>/.exec(first.link ?? '')?.[1] ?? '')
      expect(second.manifests).toEqual([...entries.slice(9), small])
      expect(second.link).toBeNull()
    })
  })
})
