/** Manifests of 4 MiB in the shapes that cost the most to read. */
import type { Descriptor } from './registry-client.ts'
import { MANIFEST_TYPE } from './registry-client.ts'

const LIMIT = 4 * 1024 * 1024

export interface Shape {
  /** Whether the registry takes it: otherwise it answers 400. */
  taken: boolean
  /** The manifest, made unlike any other by `nonce`, of a config that is in the repository. */
  make(config: Descriptor, nonce: string): Buffer
}

/** Members beside those that each manifest has; what is left of the limit is filled by an annotation. */
type Members = (config: Descriptor) => string[]

function shape(taken: boolean, members: Members, filler = 'x'): Shape {
  return {
    taken,
    make(config, nonce) {
      const head = ['"schemaVersion":2', `"mediaType":"${MANIFEST_TYPE}"`, `"nonce":"${nonce}"`]
      const known = [...head, `"config":${JSON.stringify(config)}`, ...members(config)].join(',')
      const open = `{${known},"annotations":{"filler":"`
      const left = LIMIT - Buffer.byteLength(open) - '"}}'.length
      const fill = filler.repeat(Math.floor(left / Buffer.byteLength(filler)))
      return Buffer.from(`${open}${fill}"}}`)
    },
  }
}

function times(count: number, piece: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => piece(index)).join(',')
}

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

/** A layer that need not be in the repository, with as many annotations as fit. */
function foreignLayer(index: number, bytes: number): string {
  const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar'
  const digest = `sha256:${index.toString(16).padStart(64, '0')}`
  const start = `{"mediaType":"${mediaType}","digest":"${digest}","size":1,"annotations":{`
  const pair = (n: number) => `"a${n}":"${index}"`
  const pairs: string[] = []
  let left = bytes - start.length - 2
  for (let n = 0; left > 0; n += 1) {
    pairs.push(pair(n))
    left -= pair(n).length + 1
  }
  pairs.pop()
  return `${start}${pairs.join(',')}}}`
}

/** By name. Some 250,000 values and keys are as many as are read; more are refused before anything is built. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  'one long string': shape(true, () => []),
  'one long string, not Latin': shape(true, () => [], '語'),
  'one long string of escapes': shape(true, () => [], String.raw`\u00e9`),
  '10,000 layers': shape(true, () => [`"layers":[${times(10_000, (n) => foreignLayer(n, 400))}]`]),
  '120,000 {}': shape(true, () => [`"x":[${times(120_000, () => '{}')}]`]),
  '120,000 []': shape(true, () => [`"x":[${times(120_000, () => '[]')}]`]),
  '240,000 keys': shape(true, () => [`"x":{${times(240_000, (n) => `"k${n}":0`)}}`]),
  '120,000 objects of a key': shape(true, () => [`"x":[${times(120_000, (n) => `{"k${n}":0}`)}]`]),
  '120,000 {} in a layer': shape(true, () => {
    const layer = foreignLayer(1, 300).replace(/}}$/, '}')
    return [`"layers":[${layer},"x":[${times(120_000, () => '{}')}]}]`]
  }),
  'arrays in arrays': shape(true, () => [`"x":[${times(7_500, () => nested(30))}]`]),
  '1.3 million {}': shape(false, () => [`"x":[${times(1_300_000, () => '{}')}]`]),
  '1.3 million []': shape(false, () => [`"x":[${times(1_300_000, () => '[]')}]`]),
  'half a million keys': shape(false, () => [`"x":{${times(360_000, (n) => `"${n}":0`)}}`]),
}
