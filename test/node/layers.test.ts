/**
 * The direction of imports: a file of src/ imports only from its own folder or from layers below it, in no circle, and the use cases
 * know no HTTP. The one way out: all requests that the Worker makes itself are under one policy. The one way to D1: all statements are
 * in one registry, whose query plans a test walks. See src/README.md.
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
  events: 2,
  auth: 3,
  registry: 4,
  uploads: 5,
  maintenance: 5,
  http: 6,
  '.': 7,
}
/** Folders beside the Worker: they run in Node, and the Worker never imports them. */
const BESIDE = new Set(['cli', 'docs'])
/** Layer 0's libraries stand alone. */
const PURE = new Set(['oci'])

/** Every module that a source names: `from 'x'`, `import 'x'`, `import('x')`, of types too. */
function specifiersOf(source: string): string[] {
  const named = source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)
  return [...named].map(([, specifier = '']) => specifier)
}

function folderOf(file: string): string {
  return dirname(file).split('/')[0] ?? '.'
}

/** The files of src/ that a file imports, as paths below src/. */
function importsOf(file: string, source: string): string[] {
  return specifiersOf(source)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(src, resolve(src, dirname(file), specifier)))
}

function violations(file: string, source: string): string[] {
  const folder = folderOf(file)
  const wrong = importsOf(file, source).filter((imported) => {
    const target = folderOf(imported)
    if (target === folder) return false
    // The version that runs stands in one place.
    if (imported === '../package.json') return false
    const layer = LAYERS[folder]
    const below = LAYERS[target]
    const allowed = layer !== undefined && below !== undefined && below < layer && !PURE.has(folder)
    const fromBeside = BESIDE.has(folder) && !BESIDE.has(target)
    const libUsesOci = folder === 'lib' && target === 'oci'
    return !(allowed || fromBeside || libUsesOci)
  })
  return [...wrong.map((imported) => `${file} imports ${imported}`), ...httpIn(file, source)]
}

/** What the registry does is called by more than HTTP. */
function httpIn(file: string, source: string): string[] {
  if (folderOf(file) !== 'registry') return []
  const hono = specifiersOf(source).some((specifier) => /^hono(\/|$)/.test(specifier))
  const request = /\b(?:Request|Response|Headers)\b(?! header)/.test(withoutComments(source))
  return [...(hono ? [`${file} imports hono`] : []), ...(request ? [`${file} knows HTTP`] : [])]
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
}

/** The files of each circle of imports, each circle once. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles = new Set<string>()
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string) => {
    const at = path.indexOf(file)
    if (at >= 0) {
      cycles.add(path.slice(at).toSorted().join(' '))
      return
    }
    if (done.has(file)) return
    path.push(file)
    for (const imported of graph.get(file) ?? []) visit(imported)
    path.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
  return [...cycles]
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, source: readFileSync(join(src, file), 'utf8') }))

describe('the direction of imports', () => {
  it('is known for every folder', () => {
    const folders = new Set(files.map(({ file }) => folderOf(file)))
    expect([...folders].filter((name) => !(name in LAYERS) && !BESIDE.has(name))).toEqual([])
  })

  it('holds in src/', () => {
    expect(files.flatMap(({ file, source }) => violations(file, source))).toEqual([])
  })

  it('never goes in a circle', () => {
    const graph = new Map(files.map(({ file, source }) => [file, importsOf(file, source)]))
    expect(cyclesOf(graph)).toEqual([])
  })

  it.each([
    ['oci/digest.ts', "import x from '../lib/range.ts'"],
    ['store/registry/blobs.ts', "import x from '../../http/v2/blobs.ts'"],
    ['uploads/complete.ts', "import x from '../http/context.ts'"],
    ['uploads/complete.ts', "import type { X } from '../http/context.ts'"],
    ['registry/pull-blob.ts', "import '../http/context.ts'"],
    ['registry/pull-blob.ts', "const x = await import('../http/context.ts')"],
    ['registry/pull-blob.ts', "import type { Context } from 'hono'"],
    ['registry/pull-blob.ts', 'function f(request: Request) {}'],
    ['http/blobs.ts', "import x from '../app.ts'"],
    ['app.ts', "import x from './cli/local.ts'"],
  ])('would be broken by %s with %s', (file, source) => {
    expect(violations(file, source)).toHaveLength(1)
  })

  it('would be a circle through types', () => {
    const graph = new Map([
      ['a.ts', importsOf('a.ts', "import type { B } from './b.ts'")],
      ['b.ts', importsOf('b.ts', "import './c.ts'")],
      ['c.ts', importsOf('c.ts', "export { a } from './a.ts'")],
    ])
    expect(cyclesOf(graph)).toEqual(['a.ts b.ts c.ts'])
  })
})

describe('what stands in src/', () => {
  it('has files of at most 250 lines, and of 110 on average', () => {
    const lines = files.map(({ file, source }) => ({ file, count: source.split('\n').length - 1 }))
    expect(lines.filter(({ count }) => count > 250)).toEqual([])
    const all = lines.reduce((sum, { count }) => sum + count, 0)
    expect(all / lines.length).toBeLessThanOrEqual(110)
  })

  it('has at most 20 files in a folder', () => {
    const folders = Map.groupBy(files, ({ file }) => dirname(file))
    const full = [...folders].filter(([, within]) => within.length > 20)
    expect(full.map(([folder]) => folder)).toEqual([])
  })
})

describe('requests to elsewhere', () => {
  it('are sent by one file, which checks the policy', () => {
    // Not `stub.fetch(`, which stays within.
    const calling = files.filter(
      ({ file, source }) => !BESIDE.has(folderOf(file)) && /(?<!\.)\bfetch\b *\(/.test(source),
    )
    expect(calling.map(({ file }) => file)).toEqual(['lib/outgoing-request.ts'])
  })
})

/** Past the helper: a statement of its own, a batch without types, or rows of another type than the statement's. */
const PAST_THE_HELPER = /\.(?:prepare|bind|batch)\(|\.(?:first|all|run|batch)</

describe('statements of D1', () => {
  it('are made and run through one file, which has them all in its registry', () => {
    const past = files.filter(
      ({ file, source }) => !BESIDE.has(folderOf(file)) && PAST_THE_HELPER.test(source),
    )
    // The counting database hands on what it is asked.
    const database = 'store/database/database.ts'
    expect(past.map(({ file }) => file).toSorted()).toEqual([
      database,
      'store/database/statement.ts',
    ])
  })
})
