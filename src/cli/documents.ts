/**
 * The file server of the documents on this machine, in place of Cloudflare's. Miniflare's own passes every request of the registry through
 * another Worker first, which takes half as long again.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { type Request, Response } from 'miniflare'

const FOLDER = resolve(import.meta.dirname, '../../.wrangler/docs')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

/** RFC 9110, 13.1.2: weak comparison, because a proxy that compresses weakens the tag. */
function namesTag(ifNoneMatch: string, etag: string): boolean {
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}

/** Answers the Worker's requests for files. The URL has resolved dot segments, so no path leaves the folder. */
export async function serveDocument(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  const bytes = await readFile(join(FOLDER, pathname)).catch(() => null)
  const type = TYPES[extname(pathname)]
  if (bytes === null || type === undefined) return new Response(null, { status: 404 })
  const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`
  const isHeld = namesTag(request.headers.get('If-None-Match') ?? '', etag)
  const headers = { 'Content-Type': type, ETag: etag }
  return new Response(isHeld ? null : bytes, { status: isHeld ? 304 : 200, headers })
}
