/** `/docs`: the documents, which src/docs/site/build.ts wrote as files. The Worker only adds headers. */
import type { Context } from 'hono'
import { RegistryError } from '../../oci/errors.ts'
import { type AppEnv, factory } from '../middleware/context.ts'
import { allow } from '../middleware/guard.ts'
import { prefixedPath } from '../middleware/locations.ts'
import { asksForPage, missingPage, secure } from './pages.ts'

const FILE = /^[a-z0-9-]+(\/[a-z0-9-]+)*(\.(css|svg|json))?$/

const INDEX = 'index.html'

/** The headers that the file server sets. */
const KEPT = ['Content-Type', 'ETag']

export const documents = factory.createApp().get('/', allow('none'), async (c) => {
  const path = c.get('reference')
  if (c.env.ASSETS === undefined)
    return missing(c, 'this registry was set up without its documents')
  // Links between pages are relative, and one slash more would change what they mean.
  if (new URL(c.req.url).pathname.endsWith('/')) {
    return c.redirect(prefixedPath(c.get('settings'), `/docs/${path}`).replace(/\/+$/, ''), 301)
  }
  const name = fileName(path)
  const file = name === null ? null : await fileOf(c, c.env.ASSETS, name)
  if (file === null) return missing(c, 'there is no such document')
  secure(c, "'self'")
  c.header('Cache-Control', 'no-cache')
  for (const name of KEPT) {
    const value = file.headers.get(name)
    if (value !== null) c.header(name, value)
  }
  return c.newResponse(file.body, file.status)
})

/** The file behind a path below `/docs`. Null if no file has such a path. */
function fileName(path: string): string | null {
  if (path === '') return INDEX
  // The index has only one path: its links would be wrong under another one.
  if (!FILE.test(path) || `${path}.html` === INDEX) return null
  return path.includes('.') ? path : `${path}.html`
}

interface File {
  /** 304 if the client has the file. */
  status: 200 | 304
  headers: Headers
  body: ReadableStream | null
}

/** Null if there is no such file. */
async function fileOf(c: Context<AppEnv>, assets: Fetcher, name: string): Promise<File | null> {
  const tag = c.req.header('If-None-Match')
  const headers = tag === undefined ? {} : { 'If-None-Match': tag }
  const file = await assets.fetch(`https://docs.invalid/${name}`, { headers })
  const { status, body } = file
  return status === 200 || status === 304 ? { status, body, headers: file.headers } : null
}

function missing(c: Context<AppEnv>, reason: string): Promise<Response> {
  if (asksForPage(c)) return missingPage(c, reason)
  throw new RegistryError('UNSUPPORTED', { status: 404, message: reason })
}
