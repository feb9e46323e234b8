/** The layout of the documents: navigation beside the text, which stands below another on narrow screens. */
import { Html, html } from '../../http/ui/html.ts'
import { shell } from '../../http/ui/shell.ts'
import { type Entry, type Group, rootFrom } from './contents.ts'
import type { Section } from './markdown.ts'

export interface Page {
  path: string
  title: string
  sections: readonly Section[]
  content: Html
}

/** The page as a document of its own. All its links are relative, so it may stand under any path. */
export function documentPage(page: Page, groups: readonly Group[]): string {
  const root = rootFrom(page.path)
  const entries = groups.flatMap((group) => group.entries)
  const at = entries.findIndex(({ path }) => path === page.path)
  return shell({
    title: `${page.title}: Berth`,
    root,
    style: html`<link rel="stylesheet" href="${root}docs/style.css">`,
    hasDocuments: true,
    content: html`<div class="docs">
<nav class="contents" aria-label="Documents">${groups.map((group) => navigation(group, page, root))}</nav>
<main>
${onThisPage(page.sections)}${page.content}
${at < 0 ? null : neighbours(entries[at - 1], entries[at + 1], root)}
</main>
</div>`,
  })
}

function navigation({ name, entries }: Group, page: Page, root: string): Html {
  const items = entries.map(({ path, label }) => {
    if (path !== page.path) return html`<li><a href="${root}${path}">${label}</a></li>`
    return html`<li><a href="${root}${path}" aria-current="page">${label}</a>${sectionList(page.sections)}</li>`
  })
  return html`<p>${name}</p>
<ul>
${items}
</ul>
`
}

function sectionList(sections: readonly Section[]): Html | null {
  if (sections.length < 2) return null
  return html`<ul>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul>`
}

/** For narrow screens, which have no room for the navigation. */
function onThisPage(sections: readonly Section[]): Html | null {
  const list = sectionList(sections)
  return list === null
    ? null
    : html`<details class="sections"><summary>On this page</summary>${list}</details>\n`
}

function neighbours(before: Entry | undefined, after: Entry | undefined, root: string): Html {
  const link = (entry: Entry | undefined, word: string) =>
    entry === undefined
      ? html`<span></span>`
      : html`<a href="${root}${entry.path}"><small>${word}</small> ${entry.label}</a>`
  return html`<nav class="neighbours" aria-label="Next documents">${link(before, 'Previous')}${link(after, 'Next')}</nav>`
}

/** The index: each page with its first paragraph. */
export function indexPage(groups: readonly Group[], leads: ReadonlyMap<string, string>): string {
  const path = 'docs'
  const root = rootFrom(path)
  const content = html`<h1>Documents</h1>
<p class="lead">How to use this registry, how to run it, and how it works.</p>
${groups.map(
  ({ name, entries }) => html`<h2>${name}</h2>
<dl class="index">
${entries.map((entry) => html`<div><dt><a href="${root}${entry.path}">${entry.label}</a></dt><dd>${new Html(leads.get(entry.path) ?? '')}</dd></div>\n`)}</dl>
`,
)}`
  return documentPage({ path, title: 'Documents', sections: [], content }, groups)
}
