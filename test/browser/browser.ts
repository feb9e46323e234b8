/** Debian's Chromium, and what it finds wrong with a page. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PICTURES = join(import.meta.dirname, '../../.reports/browser')

export const SCHEMES = ['light', 'dark'] as const
export const WIDTHS = [360, 1280] as const

export interface View {
  scheme: (typeof SCHEMES)[number]
  width: (typeof WIDTHS)[number]
}

export function launch(): Promise<Browser> {
  // Chromium's own sandbox does not work as root.
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
}

export interface Findings {
  status: number
  /** Pixels by which the page is wider than the window. */
  overflow: number
  /** Errors and warnings of the console, which has the violations of the Content-Security-Policy too. */
  console: string[]
  /** Violations of axe's rules, with the elements. */
  axe: string[]
  /** Requests that failed, and what was asked of other hosts. */
  requests: string[]
}

/** Opens a page, takes its picture, and examines it. */
export async function examine(browser: Browser, url: URL, view: View): Promise<Findings> {
  const { scheme, width } = view
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height: 800 },
  })
  try {
    const page = await context.newPage()
    const console: string[] = []
    const requests: string[] = []
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) console.push(message.text())
    })
    page.on('pageerror', (error) => console.push(String(error)))
    page.on('response', (response) => {
      const { origin, href } = new URL(response.url())
      if (origin !== url.origin) requests.push(href)
      if (response.status() >= 400 && href !== url.href)
        requests.push(`${response.status()} ${href}`)
    })
    const response = await page.goto(url.href)
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    const name = `${url.pathname.replaceAll('/', '-').replace(/^-/, '') || 'home'}-${scheme}-${width}`
    await page.screenshot({ path: join(PICTURES, `${name}.png`) })
    const axe = await accessibility(page)
    return { status: response?.status() ?? 0, overflow, console, axe, requests }
  } finally {
    await context.close()
  }
}

/** What axe finds. It runs through the debugger, which the page's policy does not forbid. */
async function accessibility(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const violations = await page.evaluate('axe.run(document).then(({ violations }) => violations)')
  if (!Array.isArray(violations)) throw new Error('axe returned no list')
  return violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes.map(({ html }: { html: string }) => html.slice(0, 120)).join(' | ')}`,
  )
}
