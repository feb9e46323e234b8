/** What is built of a manifest: the fields that are read, and no others. */
import { describe, expect, it, vi } from 'vitest'
import { parseManifest } from '../../src/oci/manifest.ts'
import { MEDIA_TYPE_OCI_CONFIG, MEDIA_TYPE_OCI_MANIFEST } from '../../src/oci/media-types.ts'
import { bytes, refusal, SHA256 } from './support.ts'

const config = { mediaType: MEDIA_TYPE_OCI_CONFIG, digest: SHA256, size: 2 }
const layer = { mediaType: 'application/x', digest: SHA256, size: 3 }
const image = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_MANIFEST, config, layers: [layer] }

const LARGE = 40_000
const MANY = Array.from({ length: LARGE }, () => ({}))
const MANY_KEYS = Object.fromEntries(Array.from({ length: LARGE }, (_, n) => [`k${n}`, 0]))

/** The longest text that is built at once while `work` runs. */
function longestBuilt(work: () => unknown): number {
  const build = vi.spyOn(JSON, 'parse')
  try {
    work()
    return Math.max(...build.mock.calls.map(([text]) => text.length))
  } finally {
    build.mockRestore()
  }
}

describe('a field that no spec names', () => {
  it.each<[string, object]>([
    ['of the manifest', { ...image, x: MANY }],
    ['of the manifest, with many keys', { ...image, x: MANY_KEYS }],
    ['of the config', { ...image, config: { ...config, x: MANY } }],
    ['of a layer', { ...image, layers: [{ ...layer, x: MANY }] }],
    ['of a subject', { ...image, subject: { ...layer, x: MANY_KEYS } }],
  ])('is not built if it is large: %s', (_, manifest) => {
    const read = () => parseManifest(bytes(manifest), undefined)
    expect(read()).toMatchObject({ config, layers: [layer] })
    expect(longestBuilt(read)).toBeLessThan(1000)
  })

  it('may be in a small object', () => {
    const manifest = { ...image, layers: [{ ...layer, x: [{ y: [1] }] }], z: { y: [1] } }
    expect(parseManifest(bytes(manifest), undefined)).toMatchObject({ layers: [layer] })
  })
})

describe('a large field that a spec names', () => {
  it.each<[string, object, string]>([
    ['annotations of lists', { ...image, annotations: { a: [MANY] } }, 'annotations: '],
    [
      'annotations of a layer',
      { ...image, layers: [layer, { ...layer, annotations: { a: [MANY] } }] },
      'layers[1].annotations: ',
    ],
    [
      'a platform',
      { ...image, config: { ...config, platform: { x: [MANY] } } },
      'config.platform: ',
    ],
    ['a media type', { ...image, mediaType: [[MANY]] }, 'mediaType: '],
    ['urls', { ...image, layers: [{ ...layer, urls: [[MANY]] }] }, 'layers[0].urls: '],
    ['a list that is none', { ...image, layers: { x: [MANY] } }, 'layers: '],
    ['a config that is a list', { ...image, config: [MANY] }, 'config: expected an object'],
  ])('is refused without being built if it is nested too deep: %s', (_, manifest, problem) => {
    let message = ''
    const longest = longestBuilt(() => {
      message = refusal('MANIFEST_INVALID', () => parseManifest(bytes(manifest), undefined))
    })
    expect(message).toContain(problem)
    expect(longest).toBeLessThan(1000)
  })

  it.each<[string, object]>([
    ['annotations', { annotations: { a: 'x'.repeat(LARGE), é: '語'.repeat(LARGE), __proto: '' } }],
    ['annotations in a layer', { layers: [{ ...layer, annotations: { a: '語'.repeat(LARGE) } }] }],
    ['urls', { layers: [{ ...layer, urls: Array(LARGE).fill('https://a.example') }] }],
  ])('is read as written: %s', (_, extra) => {
    expect(parseManifest(bytes({ ...image, ...extra }), undefined)).toMatchObject(extra)
  })

  it('must be spelled as in the spec, in a large object too', () => {
    const wrong = { ...image, layers: [{ ...layer, Digest: SHA256, x: MANY }] }
    expect(refusal('MANIFEST_INVALID', () => parseManifest(bytes(wrong), undefined))).toBe(
      'layers[0].Digest: ambiguous: expected "digest"',
    )
  })
})
