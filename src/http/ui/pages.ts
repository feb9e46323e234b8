/** Answers with the pages, for clients that ask for HTML. All other clients get the same answers as without pages. */
import type { Context } from 'hono'
import type { AppEnv } from '../middleware/context.ts'
import { publicOrigin } from '../middleware/locations.ts'
import { isProgramPath } from '../middleware/path.ts'
import { type Facts, homeContent, missingContent } from './home.ts'
import { Html, html } from './html.ts'
import { shell } from './shell.ts'
import { STYLE } from './style.ts'

/** Whether the request is for a page: a GET or HEAD that prefers HTML, of a path that is not one of the APIs'. */
export function asksForPage(c: Context<AppEnv>): boolean {
  const { method } = c.req
  if (method !== 'GET' && method !== 'HEAD') return false
  const { pathname } = new URL(c.req.url)
  if (isProgramPath(pathname, c.get('settings').pathPrefix)) return false
  return prefersHtml(c.req.header('Accept') ?? '')
}

/** RFC 9110, 12.5.1. Browsers name text/html. A client that takes anything, or JSON as gladly, is not one. */
export function prefersHtml(accept: string): boolean {
  const html = weightOf('text/html', accept)
  return html > 0 && html > weightOf('application/json', accept)
}

/** 0 if the header does not name the type. */
function weightOf(type: string, accept: string): number {
  const range = accept.split(',').find((part) => part.split(';')[0]?.trim().toLowerCase() === type)
  if (range === undefined) return 0
  const [, weight = '1'] = /;\s*q=([^;]*)/i.exec(range) ?? []
  return Number(weight) || 0
}

export function homePage(c: Context<AppEnv>): Promise<Response> {
  return answer(c, 200, (facts) => homeContent(facts))
}

/** @param reason what is missing, as a sentence without its full stop; null if nothing is known of the path */
export function missingPage(c: Context<AppEnv>, reason: string | null): Promise<Response> {
  return answer(c, 404, (facts) => missingContent(facts, reason))
}

async function answer(
  c: Context<AppEnv>,
  status: 200 | 404,
  content: (facts: Facts) => Html,
): Promise<Response> {
  const { pathPrefix: prefix, openAccess } = c.get('settings')
  const facts: Facts = {
    origin: publicOrigin(c),
    prefix,
    isOpen: openAccess && c.get('hooks').authenticate === null,
    hasDocuments: c.env.ASSETS !== undefined,
  }
  const page = shell({
    title: status === 200 ? 'Berth, a container registry' : 'No page here: Berth',
    root: `${prefix}/`,
    style: html`<style>${new Html(STYLE)}</style>`,
    hasDocuments: facts.hasDocuments,
    content: content(facts),
  })
  secure(c, `'${await styleHash()}'`)
  c.header('Vary', 'Accept', { append: true })
  c.header('Cache-Control', 'private, no-cache')
  return c.body(page, status, { 'Content-Type': 'text/html; charset=utf-8' })
}

/** Sets the headers of a page. @param styles the source of its style, as in a Content-Security-Policy */
export function secure(c: Context<AppEnv>, styles: string): void {
  c.header(
    'Content-Security-Policy',
    `default-src 'none'; style-src ${styles}; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  )
  c.header('Referrer-Policy', 'no-referrer')
}

let hash: Promise<string> | undefined

/** The style is in the page, so the policy names it by its hash (CSP 3, 2.3.1). */
function styleHash(): Promise<string> {
  hash ??= crypto.subtle
    .digest('SHA-256', new TextEncoder().encode(STYLE))
    .then((bytes) => `sha256-${btoa(String.fromCharCode(...new Uint8Array(bytes)))}`)
  return hash
}
