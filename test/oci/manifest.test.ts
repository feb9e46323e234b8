import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RegistryError } from '../../src/oci/errors.ts'
import { ENTRY_LIMIT, MANIFEST_LIMIT_BYTES, parseManifest } from '../../src/oci/manifest.ts'
import {
  MEDIA_TYPE_DOCKER_CONFIG,
  MEDIA_TYPE_DOCKER_LAYER,
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED,
  MEDIA_TYPE_OCI_CONFIG,
  MEDIA_TYPE_OCI_EMPTY,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_LAYER_GZIP,
  MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP,
  MEDIA_TYPE_OCI_MANIFEST,
} from '../../src/oci/media-types.ts'
import { bytes, isRefused, refusal, SHA256, SHA512 } from './support.ts'

const config = { mediaType: MEDIA_TYPE_OCI_CONFIG, digest: SHA256, size: 2 }
const layer = { mediaType: MEDIA_TYPE_OCI_LAYER_GZIP, digest: SHA256, size: 32_654 }
const empty = { mediaType: MEDIA_TYPE_OCI_EMPTY, digest: SHA256, size: 2, data: 'e30=' }
const child = { mediaType: MEDIA_TYPE_OCI_MANIFEST, digest: SHA512, size: 7682 }
const image = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_MANIFEST, config, layers: [layer] }
const index = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests: [child] }
const dockerImage = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPE_DOCKER_MANIFEST,
  config: { ...config, mediaType: MEDIA_TYPE_DOCKER_CONFIG },
  layers: [{ ...layer, mediaType: MEDIA_TYPE_DOCKER_LAYER }],
}
const dockerList = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  manifests: [{ ...child, platform: { os: 'linux', architecture: 'amd64', features: ['sse4'] } }],
}
const shapeOfImage = { schemaVersion: 2, config, layers: [layer] }
const shapeOfIndex = { schemaVersion: 2, manifests: [child] }
const artifactType = 'application/vnd.example+type'

describe('parseManifest accepts', () => {
  it('an image', () => {
    expect(parseManifest(bytes(image), MEDIA_TYPE_OCI_MANIFEST)).toEqual({
      kind: 'image',
      mediaType: MEDIA_TYPE_OCI_MANIFEST,
      artifactType: MEDIA_TYPE_OCI_CONFIG,
      config,
      layers: [layer],
      manifests: [],
    })
  })

  it('an index, without members that it does not have', () => {
    expect(parseManifest(bytes(index), MEDIA_TYPE_OCI_INDEX)).toEqual({
      kind: 'index',
      mediaType: MEDIA_TYPE_OCI_INDEX,
      layers: [],
      manifests: [child],
    })
  })

  it('an artifact with everything', () => {
    const annotations = { 'org.example': '', __proto__x: 'y', '': 'empty key' }
    const full = { ...layer, annotations, urls: ['https://example.com/a'], artifactType }
    const body = {
      ...image,
      artifactType,
      config: empty,
      layers: [full],
      subject: child,
      annotations,
      'org.example.custom': { nested: [1, 2.5, null] },
    }
    expect(parseManifest(bytes(body), MEDIA_TYPE_OCI_MANIFEST)).toEqual({
      kind: 'image',
      mediaType: MEDIA_TYPE_OCI_MANIFEST,
      artifactType,
      config: empty,
      layers: [full],
      manifests: [],
      subject: child,
      annotations,
    })
  })

  type Accepted = [string, unknown, string | undefined, object]
  const accepted: Accepted[] = [
    ['a Docker image', dockerImage, MEDIA_TYPE_DOCKER_MANIFEST, { kind: 'image' }],
    ['a Docker list', dockerList, MEDIA_TYPE_DOCKER_MANIFEST_LIST, { kind: 'index' }],
    ['no layers', { ...image, layers: [] }, MEDIA_TYPE_OCI_MANIFEST, { layers: [] }],
    ['no list of layers', { ...image, layers: undefined }, undefined, { layers: [] }],
    ['no list of manifests', { ...index, manifests: undefined }, undefined, { manifests: [] }],
    ...['doc', 'tar', 'a/b/c', 'x y', 'text/plain; charset="utf-8"', 'é', 'x'.repeat(512)].map(
      (type): Accepted => [
        `the media type ${type.slice(0, 30)}`,
        { ...image, artifactType: type, layers: [{ ...layer, mediaType: type }] },
        undefined,
        { artifactType: type, layers: [{ ...layer, mediaType: type }] },
      ],
    ),
    [
      'descriptors of no media type',
      { ...image, config: { ...config, mediaType: '' }, layers: [{ ...layer, mediaType: null }] },
      undefined,
      { config: { ...config, mediaType: '' }, layers: [{ ...layer, mediaType: '' }] },
    ],
    ['null for no layers, as Go writes it', { ...image, layers: null }, undefined, { layers: [] }],
    ['an empty index', { ...index, manifests: [] }, MEDIA_TYPE_OCI_INDEX, { manifests: [] }],
    ['null for no children', { ...index, manifests: null }, undefined, { manifests: [] }],
    [
      'an index in an index',
      { ...index, manifests: [{ ...child, mediaType: MEDIA_TYPE_OCI_INDEX }] },
      MEDIA_TYPE_OCI_INDEX,
      { kind: 'index' },
    ],
    [
      'an index of an artifact',
      { ...index, artifactType, subject: child },
      undefined,
      { artifactType, subject: child },
    ],
    ['a body type alone', dockerImage, undefined, { mediaType: MEDIA_TYPE_DOCKER_MANIFEST }],
    ['application/json', index, 'application/json', { mediaType: MEDIA_TYPE_OCI_INDEX }],
    ['parameters', index, `${MEDIA_TYPE_OCI_INDEX}; charset=utf-8`, { kind: 'index' }],
    ['capitals in the header', index, MEDIA_TYPE_OCI_INDEX.toUpperCase(), { kind: 'index' }],
    ['an image by its header', shapeOfImage, MEDIA_TYPE_OCI_MANIFEST, { kind: 'image' }],
    ['an index by its header', shapeOfIndex, MEDIA_TYPE_OCI_INDEX, { kind: 'index' }],
    ['an image by its shape', shapeOfImage, '', { mediaType: MEDIA_TYPE_OCI_MANIFEST }],
    [
      'an index by its shape',
      shapeOfIndex,
      'application/json',
      { mediaType: MEDIA_TYPE_OCI_INDEX },
    ],
    [
      'an empty artifactType',
      { ...image, artifactType: '' },
      undefined,
      { artifactType: MEDIA_TYPE_OCI_CONFIG },
    ],
    [
      'an artifactType with a parameter',
      { ...image, artifactType: 'application/vnd.dev.sigstore.bundle+json;version=0.1' },
      undefined,
      { artifactType: 'application/vnd.dev.sigstore.bundle+json;version=0.1' },
    ],
    [
      'null for an optional field',
      { ...image, subject: null, annotations: null },
      undefined,
      { kind: 'image' },
    ],
    [
      'a layer that is not here',
      {
        ...image,
        layers: [{ ...layer, mediaType: MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP, urls: [] }],
      },
      undefined,
      { kind: 'image' },
    ],
    [
      'a platform without an architecture',
      { ...index, manifests: [{ ...child, platform: { os: 'linux' } }] },
      undefined,
      { manifests: [{ ...child, platform: { os: 'linux', architecture: '' } }] },
    ],
    [
      'a full platform',
      {
        ...index,
        manifests: [
          {
            ...child,
            platform: {
              os: 'windows',
              architecture: 'arm64',
              variant: 'v8',
              'os.version': '10.0',
              'os.features': ['win32k'],
            },
          },
        ],
      },
      undefined,
      { kind: 'index' },
    ],
    [
      'an empty blob',
      { ...image, layers: [{ ...layer, size: 0, data: '' }] },
      undefined,
      { layers: [{ ...layer, size: 0 }] },
    ],
    [
      'the largest exact size',
      { ...image, layers: [{ ...layer, size: Number.MAX_SAFE_INTEGER }] },
      undefined,
      { kind: 'image' },
    ],
    [
      'as many layers as the limit',
      { ...image, layers: Array(ENTRY_LIMIT).fill(layer) },
      undefined,
      { kind: 'image' },
    ],
    [
      'as many children as the limit',
      { ...index, manifests: Array(ENTRY_LIMIT).fill({ ...child, digest: SHA256 }) },
      undefined,
      { kind: 'index' },
    ],
  ]
  it.each(accepted)('%s', (_, body, contentType, expected) => {
    expect(parseManifest(bytes(body), contentType)).toMatchObject(expected)
  })

  it('annotations named as members of every object, without harm', () => {
    const text = JSON.stringify(image).replace(
      '{',
      '{"annotations":{"__proto__":"a","constructor":"b"},',
    )
    const { annotations = {} } = parseManifest(bytes(text), undefined)
    expect(Object.entries(annotations)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
  })

  it('exactly 4 MiB, and not one byte more', () => {
    const filler = MANIFEST_LIMIT_BYTES - JSON.stringify({ ...image, filler: '' }).length
    const fitting = bytes({ ...image, filler: 'x'.repeat(filler) })
    expect(fitting.byteLength).toBe(MANIFEST_LIMIT_BYTES)
    expect(parseManifest(fitting, undefined).kind).toBe('image')

    const tooLarge = bytes({ ...image, filler: 'x'.repeat(filler + 1) })
    expect(() => parseManifest(tooLarge, undefined)).toThrow(
      expect.objectContaining({ status: 413 }),
    )
  })
})

describe('parseManifest refuses', () => {
  const inLayer = (fields: object) => ({
    ...image,
    layers: [layer, layer, { ...layer, ...fields }],
  })
  const inChild = (fields: object) => ({ ...index, manifests: [{ ...child, ...fields }] })
  const platform = (fields: object) =>
    inChild({ platform: { os: 'a', architecture: 'b', ...fields } })

  const refused: [string, unknown, string | undefined][] = [
    ['manifest invalid: expected an object', [], undefined],
    ['manifest invalid: expected an object', null, undefined],
    ['manifest invalid: expected an object', '"a"', undefined],
    ['invalid JSON: ', '{', undefined],
    ['invalid JSON: duplicate key "layers"', '{"layers":[],"layers":[]}', undefined],
    ['schemaVersion: expected 2', { ...image, schemaVersion: 3 }, undefined],
    ['schemaVersion: expected 2', { ...image, schemaVersion: '2' }, undefined],
    ['schemaVersion: expected 2', { ...image, schemaVersion: undefined }, undefined],
    ['schemaVersion: expected 2', { ...index, schemaVersion: null }, undefined],
    [
      'Docker schema 1 is not supported',
      { schemaVersion: 1, fsLayers: [], history: [] },
      undefined,
    ],
    ['Docker schema 1 is not supported', { ...image, schemaVersion: 1 }, undefined],
    ['fsLayers', { ...image, fsLayers: [] }, undefined],
    ['Docker schema 1 is not supported', image, MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED],
    [
      'Docker schema 1 is not supported',
      { ...image, mediaType: MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED },
      undefined,
    ],
    // CVE-2021-41190: one document, two faces.
    ['manifests: not allowed', { ...image, manifests: [] }, undefined],
    ['manifests: not allowed', { ...image, manifests: null }, undefined],
    ['manifests: not allowed', { ...dockerImage, manifests: [child] }, undefined],
    ['layers: not allowed', { ...index, layers: [] }, undefined],
    ['config: not allowed', { ...index, config }, undefined],
    ['config: not allowed', { ...dockerList, config }, undefined],
    ['config: not allowed', { ...shapeOfImage, manifests: [] }, undefined],
    ['manifests: not allowed', { ...shapeOfIndex, config, layers: [] }, MEDIA_TYPE_OCI_MANIFEST],
    ['does not match the Content-Type', image, MEDIA_TYPE_OCI_INDEX],
    ['does not match the Content-Type', image, MEDIA_TYPE_DOCKER_MANIFEST],
    ['does not match the Content-Type', dockerList, MEDIA_TYPE_OCI_INDEX],
    ['mediaType: required', shapeOfImage, MEDIA_TYPE_DOCKER_MANIFEST],
    ['mediaType: required', shapeOfIndex, MEDIA_TYPE_DOCKER_MANIFEST_LIST],
    ['mediaType: required', { schemaVersion: 2, layers: [] }, undefined],
    ['mediaType: expected a string', { ...image, mediaType: 5 }, undefined],
    [
      'mediaType: "text/plain" is not a supported',
      { ...image, mediaType: 'text/plain' },
      undefined,
    ],
    ['Content-Type: "text/plain" is not a supported', image, 'text/plain'],
    ['Content-Type: "application/octet-stream" is not', shapeOfImage, 'application/octet-stream'],
    ['Layers: ambiguous: expected "layers"', { ...image, Layers: [] }, undefined],
    ['layerſ: ambiguous: expected "layers"', { ...image, layerſ: [] }, undefined],
    ['MANIFESTS: ambiguous', { ...image, MANIFESTS: [] }, undefined],
    ['layers[2].Digest: ambiguous', inLayer({ Digest: SHA512 }), undefined],
    ['manifests[0].platform.OS: ambiguous', platform({ OS: 'b' }), undefined],
    ['config: required', { ...image, config: undefined }, undefined],
    ['config: required', { ...image, config: null }, undefined],
    ['config: expected an object', { ...image, config: [] }, undefined],
    ['layers: expected an array', { ...image, layers: {} }, undefined],
    ['layers[1]: expected an object', { ...image, layers: [layer, 'a'] }, undefined],
    ['layers[0]: expected an object', { ...image, layers: [null] }, undefined],
    [
      'layers: more than 10000',
      { ...image, layers: Array(ENTRY_LIMIT + 1).fill(layer) },
      undefined,
    ],
    [
      'manifests: more than 10000',
      { ...index, manifests: Array(ENTRY_LIMIT + 1).fill({ ...child, digest: SHA256 }) },
      undefined,
    ],
    ['manifests[0].mediaType: required', inChild({ mediaType: '' }), undefined],
    ['subject.mediaType: required', { ...image, subject: { ...child, mediaType: '' } }, undefined],
    ['layers[2].mediaType: expected a media type', inLayer({ mediaType: ' tar' }), undefined],
    ['layers[2].mediaType: expected a media type', inLayer({ mediaType: '<b>' }), undefined],
    ['layers[2].mediaType: expected a media type', inLayer({ mediaType: 'a\r\nX: b' }), undefined],
    ['layers[2].mediaType: expected a media type', inLayer({ mediaType: 'a\u0085b' }), undefined],
    ['layers[2].mediaType: expected a media type', inLayer({ mediaType: 'a/b\n' }), undefined],
    [
      'layers[2].mediaType: expected a media type',
      inLayer({ mediaType: 'b'.repeat(513) }),
      undefined,
    ],
    [
      'layers[2].mediaType: expected a media type',
      inLayer({ mediaType: `a/b;${'c'.repeat(512)}` }),
      undefined,
    ],
    ['layers[2].digest: required', inLayer({ digest: undefined }), undefined],
    ['layers[2].digest: expected sha256:', inLayer({ digest: SHA256.toUpperCase() }), undefined],
    [
      'layers[2].digest: expected sha256:',
      inLayer({ digest: `sha256:${'A'.repeat(64)}` }),
      undefined,
    ],
    ['layers[2].digest: expected sha256:', inLayer({ digest: `md5:${'a'.repeat(32)}` }), undefined],
    ['layers[2].digest: expected a string', inLayer({ digest: 1 }), undefined],
    ['layers[2].size: required', inLayer({ size: undefined }), undefined],
    ['layers[2].size: expected an integer', inLayer({ size: -1 }), undefined],
    ['layers[2].size: expected an integer', inLayer({ size: 1.5 }), undefined],
    ['layers[2].size: expected an integer', inLayer({ size: '1' }), undefined],
    ['layers[2].size: expected an integer', inLayer({ size: 2 ** 53 }), undefined],
    [
      'layers[2].size: expected an integer',
      JSON.stringify(inLayer({ size: 77 })).replace('77', '1e400'),
      undefined,
    ],
    ['layers[2].annotations: expected an object', inLayer({ annotations: [] }), undefined],
    [
      'layers[2].annotations["a"]: expected a string',
      inLayer({ annotations: { b: '', a: 1 } }),
      undefined,
    ],
    [
      'layers[2].annotations["a"]: expected a string',
      inLayer({ annotations: { a: null } }),
      undefined,
    ],
    ['layers[2].urls: expected an array', inLayer({ urls: 'https://example.com' }), undefined],
    ['layers[2].urls[1]: expected a string', inLayer({ urls: ['', 1] }), undefined],
    ['layers[2].data: expected base64', inLayer({ data: '!!!!', size: 3 }), undefined],
    ['layers[2].data: expected base64', inLayer({ data: 'e30', size: 2 }), undefined],
    ['layers[2].data: expected base64', inLayer({ data: 'e=30', size: 2 }), undefined],
    ['layers[2].data: expected base64', inLayer({ data: 'e===', size: 1 }), undefined],
    ['layers[2].data: expected base64', inLayer({ data: '__8=', size: 2 }), undefined],
    [
      'layers[2].data: holds 2 bytes, but size says 3',
      inLayer({ data: 'e30=', size: 3 }),
      undefined,
    ],
    ['layers[2].data: expected a string', inLayer({ data: {} }), undefined],
    ['layers[2].artifactType: expected a media type', inLayer({ artifactType: '"' }), undefined],
    ['manifests[0].platform: expected an object', inChild({ platform: 'linux/amd64' }), undefined],
    ['manifests[0].platform.os: expected a string', platform({ os: 1 }), undefined],
    ['manifests[0].platform.variant: expected a string', platform({ variant: [] }), undefined],
    ['manifests[0].platform.os.version: expected', platform({ 'os.version': 10 }), undefined],
    ['manifests[0].platform.os.features[0]: expected', platform({ 'os.features': [1] }), undefined],
    ['artifactType: expected a media type', { ...image, artifactType: 'sbom\u0000' }, undefined],
    ['annotations: expected an object', { ...image, annotations: 'a' }, undefined],
    ['subject: expected an object', { ...image, subject: 'a' }, undefined],
    ['subject.digest: required', { ...index, subject: { ...child, digest: undefined } }, undefined],
  ]
  it.each(refused)('%s', (problem, body, contentType) => {
    const message = refusal('MANIFEST_INVALID', () => parseManifest(bytes(body), contentType))
    expect(message).toContain(problem)
  })

  it('fields, and names them in the detail', () => {
    expect(() => parseManifest(bytes({ ...image, config: { ...config, size: -1 } }), '')).toThrow(
      expect.objectContaining({
        entries: [expect.objectContaining({ detail: { field: 'config.size' } })],
      }),
    )
  })
})

describe('parseManifest over anything', () => {
  const value = fc.oneof(
    { maxDepth: 3 },
    fc.jsonValue(),
    fc.constantFrom<unknown>(config, layer, child, [layer], [child], SHA256, -1, 2 ** 60),
  )
  const field = fc.constantFrom(
    ...['schemaVersion', 'mediaType', 'config', 'layers', 'manifests', 'subject', 'annotations'],
    ...['artifactType', 'fsLayers', 'Layers', 'digest', 'size', '__proto__'],
  )
  const base = fc.constantFrom<object>(image, index, dockerImage, dockerList, shapeOfImage, {})
  const contentType = fc.constantFrom(
    undefined,
    '',
    MEDIA_TYPE_OCI_MANIFEST,
    MEDIA_TYPE_OCI_INDEX,
    'a',
  )

  it('throws nothing but RegistryError, and never reads one document as both', () => {
    fc.assert(
      fc.property(base, fc.dictionary(field, value), contentType, (start, changes, type) => {
        const body = bytes({ ...start, ...changes })
        try {
          const manifest = parseManifest(body, type)
          expect(manifest.kind === 'image' ? manifest.manifests : manifest.layers).toEqual([])
          expect(manifest.config !== undefined).toBe(manifest.kind === 'image')
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('survives any one byte of a good manifest going wrong', () => {
    const good = bytes({ ...image, subject: child, annotations: { a: 'b' } })
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), (at, octet) => {
        const broken = good.slice()
        broken[at] = octet
        isRefused(() => parseManifest(broken, undefined))
      }),
      { numRuns: 2000 },
    )
  })
})
