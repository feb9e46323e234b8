/** What all pages have: the head of the document, and a line with the name and the navigation. */
import { Html, html } from './html.ts'

const MARK = new Html(
  '<path d="M7 5h8v7H7zm10 0h8v7h-8zM4 14h7v5H4zm9 0h7v5h-7zm9 0h6v5h-6zM2 21h28l-3 6H5z"/>',
)

/** The icon of the documents, as a file. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="#0e7490">${MARK.text}</svg>\n`

export interface Shell {
  title: string
  /** How the page reaches `/` of the registry: a path that ends with a slash. */
  root: string
  /** The element that brings the style. */
  style: Html
  /** Without documents the page has no links to them. */
  hasDocuments: boolean
  content: Html
}

export function shell({ title, root, style, hasDocuments, content }: Shell): string {
  const documents = hasDocuments
    ? {
        icon: html`<link rel="icon" href="${root}docs/icon.svg" type="image/svg+xml">`,
        links: html`<nav aria-label="Site"><a href="${root}docs">Documents</a><a href="${root}docs/api">API</a></nav>`,
      }
    : { icon: null, links: null }
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width">
${documents.icon}${style}
</head>
<body>
<header class="top"><div><a class="brand" href="${root}"><svg viewBox="0 0 32 32" aria-hidden="true">${MARK}</svg>Berth</a>${documents.links}</div></header>
${content}
</body>
</html>
`.text
}
