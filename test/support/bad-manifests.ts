/** Manifests that no good client pushes: valid ones with one thing wrong, JSON of any shape, and bytes that are none. */
import {
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
} from '../../src/oci/media-types.ts'
import { type BadRequest, badDigest, type Targets } from './bad-requests.ts'
import type { Random } from './random.ts'
import { bytesOf } from './registry.ts'

type Value = null | boolean | number | string | Value[] | { [key: string]: Value }

const KEYS = [
  'schemaVersion',
  'SchemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'subject',
  'annotations',
  'fsLayers',
  'digest',
  'size',
  'urls',
  'data',
  'platform',
  'os',
  '__proto__',
  'constructor',
  '',
  '\u0000',
  "'--",
  'layer\u017f',
] as const

const SCALARS: readonly Value[] = [
  null,
  true,
  false,
  0,
  1,
  2,
  -1,
  1.5,
  2 ** 53,
  2 ** 60,
  1e308,
  -0,
  '',
  '2',
  '\u0000',
  "' OR 1=1 --",
  '%',
  '__proto__',
  '\ud800',
  '\u{1f433}',
  'a'.repeat(10_000),
  'application/json',
  'text/html',
  '<script>',
  'sha256:',
  MEDIA_TYPE_OCI_INDEX,
  [],
  {},
  [[]],
  [null],
]

/** Pieces of text that a serialiser never writes. */
const RAW = [
  '1e999',
  '-0',
  '01',
  '+1',
  '.5',
  '0x1',
  'NaN',
  'undefined',
  "'x'",
  '"\\x"',
  '"\\ud800"',
  '"\u0001"',
  '/**/',
  ',',
  ',,',
  '}',
  ']',
  '[1,]',
  '9'.repeat(400),
  '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]',
  '{"a":1,"a":2}',
  '{"__proto__":{}}',
] as const

const CONTENT_TYPES = [
  ...Array<string>(10).fill(MEDIA_TYPE_OCI_MANIFEST),
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  'application/json',
  '',
  'text/plain',
  ';',
  '/',
  `${MEDIA_TYPE_OCI_MANIFEST};charset=utf-16`,
] as const

/** A push of something like `valid`, the text of a good manifest. */
export function badManifest(random: Random, targets: Targets, valid: string): BadRequest {
  const reference = random.oneIn(4) ? badDigest(random, targets) : 'fuzzed'
  return {
    method: 'PUT',
    path: `/v2/${targets.repository}/manifests/${reference}`,
    headers: { 'Content-Type': random.pick(CONTENT_TYPES) },
    body: badBytes(random, targets, valid),
  }
}

function badBytes(random: Random, targets: Targets, valid: string): Uint8Array<ArrayBuffer> {
  switch (random.below(10)) {
    case 0:
      return random.bytes(random.below(300))
    case 1:
      return bytesOf(JSON.stringify(anyValue(random, 6)))
    case 2:
      return damaged(random, bytesOf(valid))
    case 3:
    case 4:
      return bytesOf(spliced(random, valid))
    case 5:
      return bytesOf(
        `${random.pick(['[', '{"a":', '{"layers":[', '"\\'])}`.repeat(random.below(5000)),
      )
    default: {
      const manifest: Value = JSON.parse(valid)
      for (let left = 1 + random.below(3); left > 0; left -= 1) mutate(random, targets, manifest)
      return bytesOf(JSON.stringify(manifest))
    }
  }
}

function anyValue(random: Random, depth: number): Value {
  if (depth === 0 || random.oneIn(3)) return random.pick(SCALARS)
  if (random.oneIn(2)) return random.list(5, () => anyValue(random, depth - 1))
  return Object.fromEntries(random.list(6, () => [random.pick(KEYS), anyValue(random, depth - 1)]))
}

/** Changes one member somewhere in `value`. */
function mutate(random: Random, targets: Targets, value: unknown): void {
  if (!(value instanceof Object)) return
  const keys = Object.keys(value)
  const key = keys.length > 0 && !random.oneIn(5) ? random.pick(keys) : random.pick(KEYS)
  const child: unknown = Reflect.get(value, key)
  if (child instanceof Object && !random.oneIn(3)) mutate(random, targets, child)
  else if (random.oneIn(4)) Reflect.deleteProperty(value, key)
  else if (random.oneIn(3)) Reflect.set(value, key, badDigest(random, targets))
  else Reflect.set(value, Array.isArray(value) ? value.length : key, anyValue(random, 2))
}

/** Puts a piece of text that is no JSON, or a key twice, at a place where a value or member begins. */
function spliced(random: Random, valid: string): string {
  const places = [...valid.matchAll(/[:,{[]/g)].map(({ index }) => index + 1)
  const at = random.pick(places)
  const piece = random.oneIn(3) ? `"${random.pick(KEYS)}":1,` : random.pick(RAW)
  return `${valid.slice(0, at)}${piece}${valid.slice(random.oneIn(2) ? at : at + random.below(20))}`
}

/** Flips, cuts or inserts bytes: most of the results are no UTF-8. */
function damaged(random: Random, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length)
  if (random.oneIn(3)) return bytes.slice(0, at)
  const insert = random.pick([
    [0],
    [0xff],
    [0xc3, 0x28],
    [0xed, 0xa0, 0x80],
    [0xef, 0xbb, 0xbf],
    [0xf5],
    [0xc0, 0xaf],
  ])
  return Uint8Array.from([...bytes.slice(0, at), ...insert, ...bytes.slice(at + random.below(3))])
}
