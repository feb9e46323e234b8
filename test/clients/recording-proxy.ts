/**
 * A reverse proxy that notes each request and its answer, for tests that must see how a client spoke and not only that it
 * succeeded: a mount instead of an upload, chunked encoding, several ranges in one request.
 */
import { createServer, type IncomingHttpHeaders, request } from 'node:http'

export interface Exchange {
  method: string
  /** Path and query as sent. */
  url: string
  headers: IncomingHttpHeaders
  status: number
  /** The headers of the answer, as the client got them. */
  answer: IncomingHttpHeaders
}

export interface RecordingProxy {
  /** `127.0.0.1:port`; Locations in the answers point here too, since the Host header is passed on. */
  host: string
  exchanges: Exchange[]
  close(): void
}

/**
 * Starts a proxy to `target` (`host:port`) on a free loopback port. No two Locations of uploads that it passes on are alike: each
 * gets a number, which the proxy takes off again when a client goes there, so that a recording shows which one the client used.
 */
export async function recordingProxy(target: string): Promise<RecordingProxy> {
  const [hostname, port] = target.split(':')
  const exchanges: Exchange[] = []
  let locations = 0
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming
    const path = withoutNumber(url)
    const forward = request({ hostname, port, method, path, headers }, (response) => {
      const status = response.statusCode ?? 0
      const { rawHeaders, headers: answer } = response
      if (answer.location !== undefined) {
        const numbered = withNumber(answer.location, ++locations)
        rawHeaders[rawHeaders.indexOf(answer.location)] = numbered
        answer.location = numbered
      }
      exchanges.push({ method, url, headers, status, answer })
      outgoing.writeHead(status, rawHeaders)
      response.pipe(outgoing)
    })
    forward.on('error', (error) => outgoing.destroy(error))
    outgoing.on('close', () => forward.destroy())
    incoming.pipe(forward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return {
    host: `127.0.0.1:${address.port}`,
    exchanges,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function withNumber(location: string, number: number): string {
  return location.replace(/\/blobs\/uploads\/[^?]+/, (path) => `${path}~${number}`)
}

function withoutNumber(url: string): string {
  return url.replace(/(\/blobs\/uploads\/[^?~]+)~\d+/, '$1')
}
