/** The documents as data: what a page links to, which anchors it has, its shell blocks, and what it writes in backticks. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

/** Folders that are not the project's own text. */
const SKIPPED = new Set(['node_modules', '.git', '.wrangler', '.reports', 'dist'])

export interface ShellBlock {
  line: number
  script: string
  /** What a machine must have to run the block, from `needs=` of its info string. */
  needs: readonly string[]
}

export interface Link {
  line: number
  /** As written: `access.md#robots`, `#robots`, `../index.ts`. */
  target: string
}

export interface Page {
  /** From the root, with slashes. */
  path: string
  text: string
  anchors: ReadonlySet<string>
  /** Relative ones only. */
  links: readonly Link[]
  shell: readonly ShellBlock[]
  /** What stands in backticks outside of code blocks. */
  code: readonly string[]
}

/** Every file of the project, from the root, with slashes. */
export function projectFiles(): string[] {
  const below = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (SKIPPED.has(entry.name)) return []
      const path = join(folder, entry.name)
      return entry.isDirectory() ? below(path) : [relative(ROOT, path)]
    })
  return below(ROOT)
}

/** README.md, src/README.md, and the pages of src/docs and .github. */
export function readPages(files: readonly string[]): Page[] {
  return files
    .filter((file) => /^(src\/)?README\.md$|^(src\/docs|\.github)\/.*\.md$/.test(file))
    .map((path) => parsePage(path, readFileSync(join(ROOT, path), 'utf8')))
}

export function parsePage(path: string, text: string): Page {
  const { prose, blocks } = split(text)
  return {
    path,
    text,
    anchors: anchorsOf(prose),
    links: prose.flatMap((written, index) => linksOf(written, index + 1)),
    shell: blocks.flatMap((block) => shellBlock(block)),
    code: [...prose.join('\n').matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map(([, code = '']) =>
      code.replaceAll('\n', ' '),
    ),
  }
}

/** The file that a link of `page` leads to, from the root, and the anchor in it. */
export function destination(page: Page, { target }: Link): { file: string; anchor: string } {
  const [path = '', anchor = ''] = target.split('#')
  const file = path === '' ? page.path : relative(ROOT, resolve(ROOT, dirname(page.path), path))
  return { file, anchor }
}

interface Block {
  line: number
  info: string
  lines: string[]
}

/** Lines outside of fenced blocks, those within as empty lines, and the blocks. */
function split(text: string): { prose: string[]; blocks: Block[] } {
  const blocks: Block[] = []
  let open: { block: Block; indent: number; fence: string } | null = null
  const prose = text.split('\n').map((line, index) => {
    const [, indent = '', fence, info = ''] = /^( *)(```+)(.*)$/.exec(line) ?? []
    if (open !== null) {
      if (fence === open.fence && info.trim() === '') open = null
      else open.block.lines.push(line.slice(open.indent))
      return ''
    }
    if (fence === undefined) return line
    const block = { line: index + 1, info: info.trim(), lines: [] }
    blocks.push(block)
    open = { block, indent: indent.length, fence }
    return ''
  })
  return { prose, blocks }
}

function shellBlock({ line, info, lines }: Block): ShellBlock[] {
  const [language, ...options] = info.split(/\s+/)
  if (language !== 'sh') return []
  const needs = options.flatMap((option) => option.replace(/^needs=/, '').split(','))
  return [{ line, script: lines.join('\n'), needs }]
}

function linksOf(line: string, number: number): Link[] {
  const withoutCode = line.replace(/`[^`]*`/g, '')
  return [...withoutCode.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => ({ line: number, target }))
    .filter(({ target }) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
}

/** The ids that GitHub gives to headings: a repeated one gets a number. */
function anchorsOf(prose: readonly string[]): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const headings = prose.flatMap((line) => /^#{1,6} +(.*?)(?: +#+)?$/.exec(line)?.[1] ?? [])
  return new Set(
    headings.map((heading) => {
      const slug = slugOf(heading)
      const count = seen.get(slug) ?? 0
      seen.set(slug, count + 1)
      return count === 0 ? slug : `${slug}-${count}`
    }),
  )
}

/** Lower case, without markup and punctuation, spaces as hyphens. */
export function slugOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-')
}
