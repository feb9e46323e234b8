/// <reference types="vite/types/importMeta.d.ts" />
/** The documents, their sections and tables, and the text of the source that they describe. */

const pages = import.meta.glob<string>('../../src/docs/**/*.md', {
  eager: true,
  query: '?raw',
  import: 'default',
})

const sources = import.meta.glob<string>('../../src/**/*.ts', {
  eager: true,
  query: '?raw',
  import: 'default',
})

/** A page by its path below src/docs/. Empty if there is none. */
export function pageOf(path: string): string {
  return pages[`../../src/docs/${path}`] ?? ''
}

/** The files of the Worker under `folder` of src/, without comments, each with its path below src/. */
export function sourcesOf(folder = ''): { path: string; code: string }[] {
  return Object.entries(sources)
    .map(([path, text]) => ({ path: path.slice('../../src/'.length), code: withoutComments(text) }))
    .filter(({ path }) => path.startsWith(folder) && !/^(?:cli|docs)\//.test(path))
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}

/** All texts that the first group of `pattern` finds in the files of `folder`, each once and sorted. */
export function foundIn(folder: string, pattern: RegExp): string[] {
  return sortedOnce(
    sourcesOf(folder).flatMap(({ code }) =>
      [...code.matchAll(pattern)].map(([, found = '']) => found),
    ),
  )
}

export function sortedOnce(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort()
}

/** The headings of a page, as written and without backticks. */
export function headingsOf(page: string): string[] {
  const prose = page.replace(/^```[\s\S]*?^```/gm, '')
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text.replaceAll('`', ''))
}

/** The text under a heading, up to the next heading of any level. */
export function sectionOf(page: string, heading: string): string {
  const [, text] = page.split(new RegExp(`^#+ \`?${RegExp.escape(heading)}\`?$`, 'm'))
  if (text === undefined) throw new Error(`there is no section "${heading}"`)
  return text.split(/^#+ /m)[0] ?? ''
}

/** The tables of a text: rows of cells without the head. */
export function tablesOf(text: string): string[][][] {
  return [...text.matchAll(/(?:^\|.*\n)+/gm)].map(([table]) =>
    table
      .trimEnd()
      .split('\n')
      .slice(2)
      .map((row) =>
        row
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
  )
}

/** The rows of all tables of a section. */
export function rowsOf(page: string, heading: string): string[][] {
  return tablesOf(sectionOf(page, heading)).flat()
}

/** The texts in backticks. */
export function namesIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => name)
}

/** The names in the first cells of these rows. */
export function firstNames(rows: readonly (readonly string[])[]): string[] {
  return rows.flatMap(([first = '']) => namesIn(first))
}
