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
  answer: IncomingHttpHeaders
}

export interface RecordingProxy {
  /** `127.0.0.1:port`; Locations in the answers point here too, since the Host header is passed on. */
  host: string
  exchanges: Exchange[]
  close(): void
}

/** Starts a proxy to `target` (`host:port`) on a free loopback port. */
export async function recordingProxy(target: string): Promise<RecordingProxy> {
  const [hostname, port] = target.split(':')
  const exchanges: Exchange[] = []
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming
    const forward = request({ hostname, port, method, path: url, headers }, (response) => {
      const status = response.statusCode ?? 0
      exchanges.push({ method, url, headers, status, answer: response.headers })
      outgoing.writeHead(status, response.rawHeaders)
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
