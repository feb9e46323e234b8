/** Which documents there are, under which paths, and in which order readers find them. */
import { posix } from 'node:path'

/** A document in the repository. */
export interface Source {
  /** Its path from the root of the repository. */
  file: string
  markdown: string
}

/** What the navigation says of a page. */
export interface Entry {
  /** Its path below the root of the registry, such as `docs/spec/tokens`. */
  path: string
  label: string
}

export interface Group {
  name: string
  entries: readonly Entry[]
}

export const API_REFERENCE: Entry = { path: 'docs/api', label: 'API reference' }

/** Documents by their names below `src/docs/`, without the ending. What is not listed comes last. */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  'Use it': ['start', 'clients', 'access', 'errors'],
  'Run it': [
    'configuration',
    'storage',
    'self-hosting',
    'operating',
    'observing',
    'webhooks',
    'cost',
  ],
  Interfaces: ['api-guide', 'api'],
  Specification: [
    'spec/http-api',
    'spec/tokens',
    'spec/upload-protocol',
    'spec/events',
    'spec/data-model',
  ],
  Background: ['architecture', 'performance'],
}

const OTHERS = 'More'

/** Where the document is that says how to begin. */
export const README = 'README.md'

/** The path of a document's page. Null for files that are not pages. */
export function pathOf(file: string): string | null {
  if (file === README) return 'docs/start'
  const [, name] = /^src\/docs\/(.+)\.md$/.exec(file) ?? []
  if (name === undefined) return null
  // `docs/api` is the reference, which is made from the OpenAPI document.
  return name === 'api' ? 'docs/api-guide' : `docs/${name}`
}

/** The pages in the order of the navigation, without empty groups. */
export function groupsOf(entries: readonly Entry[]): Group[] {
  const byName = new Map(entries.map((entry) => [entry.path.replace(/^docs\//, ''), entry]))
  const groups = Object.entries(ORDER).map(([name, names]) => ({
    name,
    entries: names.flatMap((one) => byName.get(one) ?? []),
  }))
  const listed = new Set(groups.flatMap((group) => group.entries))
  const others = { name: OTHERS, entries: entries.filter((entry) => !listed.has(entry)) }
  return [...groups, others].filter((group) => group.entries.length > 0)
}

/** How the page at `from` reaches the root of the registry: the path ends with a slash. */
export function rootFrom(from: string): string {
  return from.replace(/[^/]+/g, '..').replace(/\.\.$/, '') || './'
}

/** The file that a relative link in `file` names. */
export function linkedFile(file: string, href: string): string {
  return posix.normalize(posix.join(posix.dirname(file), decodeURI(href)))
}
