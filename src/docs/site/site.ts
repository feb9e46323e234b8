/** All files of the site, from the documents and the OpenAPI document. */
import { Html } from '../../http/ui/html.ts'
import { ICON } from '../../http/ui/shell.ts'
import { STYLE } from '../../http/ui/style.ts'
import {
  API_REFERENCE,
  type Entry,
  groupsOf,
  linkedFile,
  pathOf,
  README,
  rootFrom,
  type Source,
} from './contents.ts'
import { documentPage, indexPage, type Page } from './layout.ts'
import { type Rendered, renderMarkdown } from './markdown.ts'
import { DOCUMENT_STYLE } from './style.ts'

export interface Site {
  /** The text of each file, by its path below `/docs/`. */
  files: ReadonlyMap<string, string>
  /** Links that lead nowhere, as sentences. */
  brokenLinks: readonly string[]
}

/** A link to a place in another document, or in the same one. */
interface Link {
  from: string
  to: string
  id: string
}

/** @param attached the other files in the folder of the documents, by their paths below it */
export function renderSite(
  sources: readonly Source[],
  api: Page,
  attached: ReadonlyMap<string, string> = new Map(),
): Site {
  const links: Link[] = []
  const pages = sources.map((source) => {
    const path = pathOf(source.file)
    if (path === null) throw new Error(`${source.file} is not a document`)
    const rendered = renderMarkdown(source.markdown, (href) => resolve(href, source, path, links))
    return { file: source.file, path, rendered }
  })
  const entries: Entry[] = pages.map(({ file, path, rendered }) => ({
    path,
    label: file === README ? 'Getting started' : rendered.title,
  }))
  const groups = groupsOf([...entries, API_REFERENCE])
  const leads = new Map(pages.map(({ path, rendered }) => [path, rendered.lead]))
  leads.set(
    API_REFERENCE.path,
    'Every operation of the administration API, with its fields and answers.',
  )

  const files = new Map([
    ...attached,
    ['style.css', STYLE + DOCUMENT_STYLE],
    ['icon.svg', ICON],
    ['index.html', indexPage(groups, leads)],
    [fileOf(api.path), documentPage(api, groups)],
    ...pages.map(
      ({ path, rendered }) => [fileOf(path), documentPage(pageOf(path, rendered), groups)] as const,
    ),
  ])
  const ids = new Map(pages.map(({ file, rendered }) => [file, rendered.ids]))
  // A first paragraph is rendered for the index too, with its links.
  const problems = new Set(links.flatMap((link) => problemOf(link, ids, attached)))
  return { files, brokenLinks: [...problems] }
}

function pageOf(path: string, { title, sections, html }: Rendered): Page {
  return { path, title, sections, content: new Html(html) }
}

function fileOf(path: string): string {
  return `${path.replace(/^docs\//, '')}.html`
}

/** Links to files of the repository that are not part of the site lead nowhere for readers of the site: their text stays. */
function resolve(href: string, { file }: Source, path: string, links: Link[]): string | null {
  if (/^(https?|mailto):/.test(href)) return href
  const [name = '', id = ''] = href.split('#')
  const to = name === '' ? file : linkedFile(file, name)
  links.push({ from: file, to, id })
  if (name === '') return href
  const fragment = id === '' ? '' : `#${id}`
  const page = pathOf(to)
  if (page !== null) return `${rootFrom(path)}${page}${fragment}`
  const [, inside] = /^src\/docs\/([^.].*\.json)$/.exec(to) ?? []
  return inside === undefined ? null : `${rootFrom(path)}docs/${inside}`
}

function problemOf(
  { from, to, id }: Link,
  ids: ReadonlyMap<string, ReadonlySet<string>>,
  attached: ReadonlyMap<string, string>,
): string[] {
  const isDocument = pathOf(to) !== null
  const known = ids.get(to)
  if (isDocument && known === undefined) return [`${from} links to ${to}, which does not exist`]
  if (known !== undefined && id !== '' && !known.has(id)) {
    return [`${from} links to ${to}#${id}, which does not exist`]
  }
  const [, name] = /^src\/docs\/(.+\.json)$/.exec(to) ?? []
  return name === undefined || attached.has(name)
    ? []
    : [`${from} links to ${to}, which does not exist`]
}
