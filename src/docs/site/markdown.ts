/** GitHub-flavoured Markdown to HTML. Headings get the ids that GitHub gives them. */
import { Marked, type Token, type Tokens } from 'marked'
import { escapeHtml } from '../../http/ui/html.ts'

export interface Section {
  id: string
  title: string
}

export interface Rendered {
  /** The text of the first heading. */
  title: string
  /** The first paragraph, as HTML without links. Empty if the document does not begin with one. */
  lead: string
  /** The headings of the second level. */
  sections: readonly Section[]
  /** The ids of all headings. */
  ids: ReadonlySet<string>
  html: string
}

/** The address that a link of the document becomes, or null to leave only its text. */
export type ResolveLink = (href: string) => string | null

export function renderMarkdown(markdown: string, resolveLink: ResolveLink): Rendered {
  const ids = new Set<string>()
  const sections: Section[] = []
  let title = ''
  const marked = new Marked({ gfm: true })
  marked.use({
    renderer: {
      heading({ tokens, depth }) {
        const text = plainText(tokens)
        const id = newId(text, ids)
        if (depth === 1 && title === '') title = text
        if (depth === 2) sections.push({ id, title: text })
        const inline = this.parser.parseInline(tokens)
        if (depth === 1) return `<h1 id="${id}">${inline}</h1>\n`
        const link = `<a class="anchor" href="#${id}" aria-label="Link to “${escapeHtml(text)}”">#</a>`
        return `<h${depth} id="${id}">${inline} ${link}</h${depth}>\n`
      },
      link({ href, tokens }) {
        const inline = this.parser.parseInline(tokens)
        const to = resolveLink(href)
        return to === null ? inline : `<a href="${escapeHtml(to)}">${inline}</a>`
      },
      image({ text }) {
        return escapeHtml(text)
      },
      code({ text }) {
        return `<pre tabindex="0"><code>${escapeHtml(text)}\n</code></pre>\n`
      },
      html({ text }) {
        return /^\s*<!--[\s\S]*-->\s*$/.test(text) ? '' : escapeHtml(text)
      },
      table({ header, rows }) {
        const cell = ({ text, tokens }: Tokens.TableCell, name: 'th' | 'td') => {
          // The corner of a table may be empty. It heads nothing then.
          const element = text === '' ? 'td' : name
          return `<${element}>${this.parser.parseInline(tokens)}</${element}>`
        }
        const row = (cells: readonly Tokens.TableCell[], name: 'th' | 'td') =>
          `<tr>${cells.map((one) => cell(one, name)).join('')}</tr>`
        const body = rows.map((cells) => row(cells, 'td')).join('\n')
        return `<div class="table" tabindex="0"><table><thead>${row(header, 'th')}</thead><tbody>\n${body}\n</tbody></table></div>\n`
      },
    },
  })
  const tokens = marked.lexer(markdown)
  const html = marked.parser(tokens)
  return { title, lead: leadOf(tokens, marked), sections, ids, html }
}

/** The paragraph right after the first heading. */
function leadOf(tokens: readonly Token[], marked: Marked): string {
  const visible = tokens.filter(({ type }) => type !== 'space' && type !== 'html')
  const [heading, paragraph] = visible
  if (heading?.type !== 'heading' || paragraph?.type !== 'paragraph') return ''
  // In the index it stands beside a link to its page.
  return marked
    .parser([paragraph])
    .replace(/<\/?(a|p)\b[^>]*>/g, '')
    .trim()
}

/** What a reader sees of inline tokens. */
function plainText(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === 'html') return ''
      if ('tokens' in token && token.tokens !== undefined) return plainText(token.tokens)
      return 'text' in token ? String(token.text) : ''
    })
    .join('')
}

/** GitHub's rule: lower case, spaces to hyphens, without other punctuation. An id that is taken gets a number. */
function newId(text: string, taken: Set<string>): string {
  const plain = text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
  let id = plain
  for (let number = 1; taken.has(id); number++) id = `${plain}-${number}`
  taken.add(id)
  return id
}
