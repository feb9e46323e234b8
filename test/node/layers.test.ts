/**
 * The direction of imports: a file of src/ imports only from its own layer's folder or from layers below. See the README. And the
 * one way out: all requests that the Worker makes itself are under one policy.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = resolve(import.meta.dirname, '../../src')

/** The layer of each folder; the files of src/ itself stand on top. */
const LAYERS: Record<string, number> = {
  oci: 0,
  lib: 0,
  store: 1,
  uploads: 2,
  events: 2,
  maintenance: 2,
  auth: 3,
  http: 4,
  '.': 5,
}
/** Folders beside the Worker: they run in Node, and the Worker never imports them. */
const BESIDE = new Set(['cli'])
/** Layer 0's libraries stand alone. */
const PURE = new Set(['oci'])

function violations(file: string, source: string): string[] {
  const folder = dirname(file).split('/')[0] ?? '.'
  return [...source.matchAll(/from '(\.[^']+)'/g)].flatMap(([, specifier = '']) => {
    const imported = relative(src, resolve(src, dirname(file), specifier))
    const target = dirname(imported).split('/')[0] ?? '.'
    if (target === folder) return []
    // The version that runs stands in one place.
    if (imported === '../package.json') return []
    const layer = LAYERS[folder]
    const below = LAYERS[target]
    const allowed = layer !== undefined && below !== undefined && below < layer && !PURE.has(folder)
    const fromBeside = BESIDE.has(folder) && !BESIDE.has(target)
    const libUsesOci = folder === 'lib' && target === 'oci'
    return allowed || fromBeside || libUsesOci ? [] : [`${file} imports ${imported}`]
  })
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
)

describe('the direction of imports', () => {
  it('knows every folder', () => {
    const folders = new Set(files.map((file) => dirname(file).split('/')[0] ?? '.'))
    expect([...folders].filter((name) => !(name in LAYERS) && !BESIDE.has(name))).toEqual([])
  })

  it('holds in src/', () => {
    const found = files.flatMap((file) => violations(file, readFileSync(join(src, file), 'utf8')))
    expect(found).toEqual([])
  })

  it.each([
    ['oci/digest.ts', "import x from '../lib/range.ts'"],
    ['store/blobs.ts', "import x from '../http/blobs.ts'"],
    ['uploads/complete.ts', "import x from '../auth/access.ts'"],
    ['uploads/complete.ts', "import x from '../events/event.ts'"],
    ['http/blobs.ts', "import x from '../app.ts'"],
    ['app.ts', "import x from './cli/local.ts'"],
  ])('would be broken by an import in %s', (file, source) => {
    expect(violations(file, source)).toHaveLength(1)
  })
})

describe('requests to elsewhere', () => {
  it('leave from one file, which asks the policy', () => {
    const calling = files.filter((file) => {
      const [folder = ''] = file.split('/')
      // Not `stub.fetch(`, which stays within.
      return (
        !BESIDE.has(folder) && /(?<!\.)\bfetch\b *\(/.test(readFileSync(join(src, file), 'utf8'))
      )
    })
    expect(calling).toEqual(['lib/outgoing-request.ts'])
  })
})
