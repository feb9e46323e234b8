/**
 * Stores that do what the real one does not. The name of the bucket says what: `small` takes parts of one byte, `trusting` stores
 * whatever comes and knows no checksums, `silent` never answers, `stalling` sends half of each object, `cut` breaks off after half of
 * it, `late-error` fails after it answered 200, `gzip` compresses for clients that do not refuse it, and `<status>-<code>` answers everything
 * with that error.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'

const objects = new Map<string, Buffer>()
const parts = new Map<string, Buffer>()

export function startStandIn(port: number): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(Object(error)))
  })
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)))
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '', 'http://localhost')
  const [, bucket = ''] = url.pathname.split('/')
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const [status, code] = bucket.split('-')
  if (bucket === 'silent') return
  if (bucket === 'late-error') {
    response.end(error('InternalError'))
  } else if (Number(status) > 0) {
    response.writeHead(Number(status)).end(code === undefined ? 'no XML' : error(code))
  } else if (request.method === 'GET' || request.method === 'HEAD') {
    send(url.pathname, bucket, response, request.headers['accept-encoding'] !== 'identity')
  } else if (request.method === 'PUT') {
    put(url, body)
    response.writeHead(200, { ETag: `"${body.length}"` }).end()
  } else {
    response.end(change(url, body.toString()))
  }
}

function error(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>as the bucket says</Message></Error>`
}

function send(path: string, bucket: string, response: ServerResponse, takesGzip: boolean): void {
  const object = objects.get(path)
  if (object === undefined) {
    response.writeHead(404).end(error('NoSuchKey'))
  } else if (bucket === 'gzip' && takesGzip) {
    response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(object))
  } else if (bucket === 'stalling' || bucket === 'cut') {
    response.writeHead(200, { 'Content-Length': object.length })
    response.write(object.subarray(0, object.length / 2))
    if (bucket === 'cut') setTimeout(() => response.destroy(), 100)
  } else {
    response.writeHead(200, { 'Content-Length': object.length }).end(object)
  }
}

function put({ pathname, searchParams }: URL, body: Buffer): void {
  const number = searchParams.get('partNumber')
  if (number === null) objects.set(pathname, body)
  else parts.set(`${pathname} ${number}`, body)
}

/** Parts that begin or end, or objects that go. */
function change({ pathname, searchParams }: URL, body: string): string {
  if (searchParams.has('uploads')) return '<Result><UploadId>one</UploadId></Result>'
  if (searchParams.has('delete')) {
    for (const [, key] of body.matchAll(/<Key>(.*?)<\/Key>/g)) objects.delete(`${pathname}/${key}`)
    return '<DeleteResult></DeleteResult>'
  }
  const named = [...body.matchAll(/<PartNumber>(\d+)</g)]
  const bytes = named.map(([, number]) => parts.get(`${pathname} ${number}`) ?? Buffer.alloc(0))
  objects.set(pathname, Buffer.concat(bytes))
  return '<Result></Result>'
}
