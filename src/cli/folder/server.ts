/**
 * Serves a storage folder to the Worker: HTTP on a Unix socket, which the runtime connects to itself, so that it streams the bytes natively.
 * `store/bytes/folder-blob-store.ts` is the client. The key and other arguments are in the query, because a URL changes paths such as `..`.
 */
import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { codeOf } from './durable.ts'
import { NoSuchUpload, PartUploads } from './part-uploads.ts'
import { CutOff } from './receive.ts'
import { sendSegments } from './send.ts'
import type { StorageFolder } from './storage-folder.ts'

/** Serves the folder on a socket that only this user may use. */
export async function serveFolder(folder: StorageFolder, socket: string): Promise<Server> {
  const service = new FolderService(folder)
  const server = createServer({ highWaterMark: 256 * 1024 }, (request, response) => {
    void service.answer(request, response)
  })
  // The runtime ends idle connections first, so it never sends a request on one that ends at that moment.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  await rm(socket, { force: true })
  server.listen(socket)
  await once(server, 'listening')
  await chmod(socket, 0o600)
  return server
}

type Query = URLSearchParams

class FolderService {
  readonly #folder: StorageFolder
  readonly #uploads: PartUploads

  constructor(folder: StorageFolder) {
    this.#folder = folder
    this.#uploads = new PartUploads(folder)
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { pathname, searchParams } = new URL(`http://folder${request.url}`)
      const handle = this.#handlers[`${request.method} ${pathname}`]
      if (handle === undefined) return send(response, 404, 'no such route')
      await handle(searchParams, request, response)
    } catch (error) {
      await drain(request)
      if (response.headersSent) response.destroy()
      else send(response, ...answerOf(error))
    }
  }

  readonly #handlers: Record<
    string,
    (query: Query, request: IncomingMessage, response: ServerResponse) => Promise<void>
  > = {
    'PUT /object': async (query, request, response) => {
      const written = await this.#folder.write(keyOf(query), request, query.get('digest') ?? '')
      send(response, written ? 204 : 422)
    },
    'GET /object': async (query, _, response) => {
      const offset = query.get('offset')
      const range =
        offset === null
          ? undefined
          : { offset: Number(offset), length: Number(query.get('length')) }
      const object = await this.#folder.find(keyOf(query), range)
      if (object === null) return send(response, 404)
      const length = object.segments.reduce((sum, segment) => sum + segment.length, 0)
      response.writeHead(200, { 'Content-Length': length })
      await sendSegments(response, object.segments)
    },
    'GET /size': async (query, _, response) => {
      const object = await this.#folder.find(keyOf(query))
      if (object === null) send(response, 404)
      else send(response, 200, object.size)
    },
    'GET /objects': async (query, _, response) => {
      const page = await this.#folder.list(query.get('prefix') ?? '', query.get('after') ?? '')
      send(response, 200, page)
    },
    'POST /remove': async (_, request, response) => {
      await this.#folder.remove(JSON.parse(await text(request)))
      send(response, 204)
    },
    'POST /parts': async (query, _, response) => {
      send(response, 200, await this.#uploads.begin(keyOf(query)))
    },
    'PUT /parts': async (query, request, response) => {
      const number = Number(query.get('number'))
      const part = await this.#uploads.writePart(keyOf(query), idOf(query), number, request)
      send(response, 200, part)
    },
    'POST /complete': async (query, request, response) => {
      const parts = JSON.parse(await text(request))
      const done = await this.#uploads.complete(keyOf(query), idOf(query), parts)
      send(response, done ? 204 : 409)
    },
    'DELETE /parts': async (query, _, response) => {
      await this.#uploads.abort(keyOf(query), idOf(query))
      send(response, 204)
    },
  }
}

/** Reads the rest of a body: the Worker takes an answer that comes before its end for a lost connection. */
async function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return
  const over = Promise.race([once(request, 'end'), once(request, 'close')])
  request.resume()
  await over.catch(() => undefined)
}

function keyOf(query: Query): string {
  return query.get('key') ?? ''
}
function idOf(query: Query): string {
  return query.get('id') ?? ''
}

function send(response: ServerResponse, status: number, body?: unknown): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

/** What the Worker is answered. The text is for the operator, in the log. */
function answerOf(error: unknown): [status: number, text: string] {
  const { message } = Object(error)
  if (error instanceof CutOff || error instanceof RangeError) return [400, message]
  if (error instanceof NoSuchUpload) return [410, message]
  const why = SYSTEM_ERRORS[codeOf(error)]
  if (why !== undefined) return [507, why]
  console.error(error)
  return [500, String(message)]
}

/** What the operator can change. */
export const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk of the storage folder is full',
  EDQUOT: 'the storage folder has reached its quota',
  EROFS: 'the storage folder is on a file system that cannot be written',
  EACCES: 'the storage folder cannot be read or written by this user',
  EPERM: 'the storage folder cannot be written by this user',
  EMFILE: 'this process has too many open files: raise its limit (ulimit -n)',
  ENOENT: 'the storage folder, or a part of it, is not there any more',
  EIO: 'the disk of the storage folder fails',
}
