/** The ways to write a path: those that mean the same, those that mean another repository, and those that mean nothing. */
import { ORIGIN } from './registry.ts'

/** The repository that is meant, and with `in` what is answered to who has the right there; or the status that everybody gets. */
export type Reading = { name: string; in?: number } | 400 | 404

export interface Spelling {
  title: string
  /** The whole URL for the repository `name` and what stands behind it. */
  url: (name: string, tail: string) => string
  reading: (name: string, tail: string) => Reading
}

/** Of the form `<first>/<second>`, as all names that are spelt here. */
function parts(name: string): [first: string, second: string] {
  const [first = '', second = ''] = name.split('/')
  return [first, second]
}

function escaped(character: string | undefined): string {
  return `%${character?.charCodeAt(0).toString(16)}`
}

function inName(title: string, spell: (name: string) => string, reading: Spelling['reading']) {
  return {
    title,
    url: (name: string, tail: string) => `${ORIGIN}/v2/${spell(name)}${tail}`,
    reading,
  }
}

const same: Spelling['reading'] = (name) => ({ name })
const invalid: Spelling['reading'] = () => 400
const nowhere: Spelling['reading'] = () => 404

/** The URL standard resolves these before anybody sees the path. */
const SAME: readonly Spelling[] = [
  inName('as it is', (name) => name, same),
  inName('a dot segment before it', (name) => `./${name}`, same),
  inName('a dot segment within', (name) => name.replace('/', '/./'), same),
  inName('an escaped dot segment', (name) => name.replace('/', '/%2e/'), same),
  inName('up and down again', (name) => `public/app/../../${name}`, same),
  inName('up and down, escaped', (name) => `public/app/%2e%2e/%2E%2E/${name}`, same),
  inName('up and down, half escaped', (name) => `public/app/.%2e/%2E./${name}`, same),
  inName('out of /v2/ and in again', (name) => `../v2/${name}`, same),
  inName('further up than there is', (name) => `../../../v2/${name}`, same),
  inName('a backslash', (name) => name.replace('/', '\\'), same),
  inName('through a route of another', (name) => `public/app/manifests/../../../${name}`, same),
]

const OTHER: readonly Spelling[] = [
  inName(
    'down into it and on to another',
    (name) => `${name}/../../none/app`,
    () => ({ name: 'none/app' }),
  ),
  inName(
    'another by backslashes',
    (name) => `${name}\\..\\..\\none\\app`,
    () => ({ name: 'none/app' }),
  ),
  inName(
    'a host before it',
    (name) => `registry.test/${name}`,
    (name) => ({ name: `registry.test/${name}` }),
  ),
  inName(
    'library before it',
    (name) => `library/${name}`,
    (name) => ({ name: `library/${name}` }),
  ),
  inName(
    'v2 before it',
    (name) => `v2/${name}`,
    (name) => ({ name: `v2/${name}` }),
  ),
  inName(
    'a route within the name',
    (name) => `${name}/manifests/latest`,
    (name) => ({ name: `${name}/manifests/latest` }),
  ),
  inName(
    'a public one before it',
    (name) => `public/app/${name}`,
    (name) => ({ name: `public/app/${name}` }),
  ),
]

/** What no repository name has. */
const NO_NAME: readonly Spelling[] = Object.entries<(name: string) => string>({
  '%2F': (name) => name.replace('/', '%2F'),
  '%2f': (name) => name.replace('/', '%2f'),
  '%252F': (name) => name.replace('/', '%252F'),
  '%5C': (name) => name.replace('/', '%5C'),
  'a doubled slash': (name) => name.replace('/', '//'),
  'a slash before it': (name) => `/${name}`,
  'a slash behind it': (name) => `${name}/`,
  'escaped dots and slashes': (name) => `public/app/..%2f..%2f${name}`,
  'dots escaped twice': (name) => `public/app/%252e%252e/%252e%252e/${name}`,
  'three dots': (name) => `public/app/.../${name}`,
  'an escaped letter': (name) => `${escaped(name[0])}${name.slice(1)}`,
  'an escaped letter at its end': (name) => `${name.slice(0, -1)}${escaped(name.at(-1))}`,
  capitals: (name) => name.toUpperCase(),
  'one capital': (name) => name.replace(/^./, (letter) => letter.toUpperCase()),
  'letters that fold to it': (name) => name.replace(/^./, '\u{ff4b}'),
  'NUL behind it': (name) => `${name}%00`,
  'NUL within': (name) => name.replace('/', '%00/'),
  'a line break behind it': (name) => `${name}%0a`,
  'a space behind it': (name) => `${name}%20`,
  'a parameter': (name) => `${name};v=1`,
  'a tag': (name) => `${name}:latest`,
  'a digest': (name) => `${name}@sha256:0`,
  'a pattern': (name) => `${parts(name)[0]}/*`,
  'a deep pattern': (name) => `${parts(name)[0]}/**`,
  all: () => '**',
  'a host with a port': (name) => `registry.test:5000/${name}`,
  'overlong UTF-8': (name) => name.replace('/', '%c0%af'),
  'no name at all': () => '',
}).map(([title, spell]) => inName(title, spell, invalid))

const NO_ROUTE: readonly Spelling[] = Object.entries({
  'v2 in capitals': '/V2/',
  'another version': '/v1/',
  'a version with more': '/v2.0/',
  'v2 escaped': '/%762/',
  'a doubled slash before v2': '//v2/',
  'an escaped slash behind v2': '/v2%2F',
  'a prefix before v2': '/api/v2/',
  'the administration API': '/api/v1/v2/',
}).map(([title, start]) => ({
  title,
  url: (name: string, tail: string) => `${ORIGIN}${start}${name}${tail}`,
  reading: nowhere,
}))

/** Changes what stands behind the name, but not a query. */
function inTail(
  title: string,
  spell: (path: string) => string,
  reading: Spelling['reading'],
): Spelling {
  const spelt = (tail: string) => {
    const [path = '', query] = tail.split('?')
    return query === undefined ? spell(path) : `${spell(path)}?${query}`
  }
  return { title, url: (name, tail) => `${ORIGIN}/v2/${name}${spelt(tail)}`, reading }
}

const TAIL: readonly Spelling[] = [
  inTail('a slash at the end', (path) => `${path}/`, nowhere),
  inTail('a capital noun', (path) => path.replace(/[a-z]/, (c) => c.toUpperCase()), nowhere),
  inTail('an escaped noun', (path) => path.replace(/[a-z]/, escaped), nowhere),
  inTail('an escaped slash behind the noun', (path) => path.replace(/(?<=.)\//, '%2F'), nowhere),
  inTail('a fragment', (path) => `${path}#/../../none/app`, same),
  inTail('an escaped colon', (path) => path.replace(':', '%3A'), same),
]

export const SPELLINGS: readonly Spelling[] = [...SAME, ...OTHER, ...NO_NAME, ...NO_ROUTE, ...TAIL]
