/**
 * The floor that Berth is measured against: a Worker that does only what the platform must do for the same result. One
 * `R2.put` for a push, one `R2.get` for a pull, one D1 query for a small request, one D1 read and one batch for a manifest.
 */
import type {
  D1Database,
  ExportedHandler,
  R2Bucket,
  Response as WorkerResponse,
} from '@cloudflare/workers-types'

interface Env {
  BUCKET: R2Bucket
  DB: D1Database
}

declare const Response: typeof WorkerResponse

const worker: ExportedHandler<Env> = {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url)
    const [, route = '', key = ''] = pathname.split('/')
    switch (`${request.method} ${route}`) {
      case 'PUT blob': {
        await env.BUCKET.put(key, request.body, { sha256: searchParams.get('sha256') ?? '' })
        return new Response(null, { status: 201 })
      }
      case 'GET blob': {
        const object = await env.BUCKET.get(key)
        if (object === null) return new Response(null, { status: 404 })
        const headers = {
          'content-length': String(object.size),
          'content-type': 'application/octet-stream',
        }
        return new Response(object.body, { headers, encodeBody: 'manual' })
      }
      case 'GET row': {
        const value = await env.DB.prepare('SELECT value FROM entries WHERE key = ?')
          .bind(key)
          .first<string>('value')
        return new Response(value)
      }
      case 'PUT row': {
        const value = await request.text()
        await env.DB.prepare('SELECT 1 FROM entries WHERE key = ?').bind(key).first()
        const insert = env.DB.prepare('INSERT INTO entries (key, value) VALUES (?, ?)')
        await env.DB.batch([
          insert.bind(key, value),
          insert.bind(`${key}-layer`, ''),
          insert.bind(`${key}-tag`, ''),
          insert.bind(`${key}-event`, ''),
        ])
        return new Response(null, { status: 201 })
      }
      case 'POST schema': {
        await env.DB.exec('CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT')
        return new Response(null, { status: 201 })
      }
      default:
        return new Response(null, { status: 404 })
    }
  },
}

export default worker
