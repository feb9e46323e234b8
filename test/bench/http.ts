/**
 * A lean HTTP client for measurements: node:http with one keep-alive agent for each server, bodies written as plain slices with
 * back pressure. It does as little as a client can, so that what is measured is the server.
 */
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
} from 'node:http'
import { request as httpsRequest, Agent as TlsAgent } from 'node:https'
import { download } from './download.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Outgoing {
  headers?: Record<string, string>
  body?: Iterable<Buffer>
  /** Bytes of `body`, sent as Content-Length. Without it a body goes out with chunked encoding. */
  length?: number
}

/** docker copies layers in 32 KiB pieces; twice that keeps the client's own share of a 64 MiB push at a few milliseconds. */
const SLICE = 64 * 1024

/** What is larger comes on a connection of its own: next to it, that is nothing. */
const LARGE_BODY = 1024 * 1024

/** Milliseconds without a byte either way until a request counts as hung. */
const IDLE_TIMEOUT = 120_000

export function* slices(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += SLICE)
    yield bytes.subarray(start, start + SLICE)
}

export class HttpClient {
  readonly base: URL
  /** Value of the Authorization header, when the server wants one. */
  authorization: string | undefined
  readonly #agent: Agent

  constructor(base: URL) {
    this.base = base
    this.#agent =
      base.protocol === 'https:'
        ? new TlsAgent({ keepAlive: true })
        : new Agent({ keepAlive: true })
  }

  /**
   * @param target a path below the base, or a URL as a Location header names it
   * @throws {Error} when the connection fails or nothing moves on it for two minutes; every HTTP status is an answer
   */
  send(method: string, target: string | URL, outgoing: Outgoing = {}): Promise<Answer> {
    const url = new URL(target, this.base)
    const headers = this.#authorized({ ...outgoing.headers }, url)
    if (outgoing.length !== undefined) headers['content-length'] = String(outgoing.length)
    else if (outgoing.body !== undefined) headers['transfer-encoding'] = 'chunked'
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest
    const agent = url.protocol === this.base.protocol ? { agent: this.#agent } : {}

    return new Promise((resolve, reject) => {
      const request = start(url, { method, headers, ...agent }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('error', reject)
        response.on('end', () => {
          // A server that refuses early answers before the body is out: the rest is not wanted.
          if (!request.writableEnded) request.destroy()
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(pieces),
          })
        })
      })
      request.on('error', reject)
      request.setTimeout(IDLE_TIMEOUT, () => {
        request.destroy(new Error(`${method} ${url}: no answer for ${IDLE_TIMEOUT} ms`))
      })
      if (outgoing.body === undefined) request.end()
      else pump(request, outgoing.body[Symbol.iterator]())
    })
  }

  /** @throws {Error} with the start of the answer's body when the status is not the one expected */
  async expect(
    status: number,
    method: string,
    target: string | URL,
    outgoing: Outgoing = {},
  ): Promise<Answer> {
    const answer = await this.send(method, target, outgoing)
    if (answer.status === status) return answer
    const text = answer.body.toString('utf8', 0, 300).trim()
    throw new Error(`${method} ${target}: ${answer.status} instead of ${status}: ${text}`)
  }

  /**
   * Fetches a body of `size` bytes and drops it.
   * @throws {Error} unless it is that of a 200, and so long
   */
  async fetchBody(target: string | URL, size: number): Promise<void> {
    const url = new URL(target, this.base)
    const received =
      size > LARGE_BODY && url.protocol === 'http:'
        ? await download(url, this.#authorized({}, url), IDLE_TIMEOUT)
        : (await this.expect(200, 'GET', url)).body.length
    if (received !== size) throw new Error(`GET ${url}: ${received} bytes instead of ${size}`)
  }

  #authorized(headers: Record<string, string>, url: URL): Record<string, string> {
    const own = url.origin === this.base.origin ? this.authorization : undefined
    return own === undefined ? headers : { ...headers, authorization: own }
  }

  close(): void {
    this.#agent.destroy()
  }
}

function pump(request: ClientRequest, pieces: Iterator<Buffer>): void {
  for (;;) {
    const next = pieces.next()
    if (next.done === true) {
      request.end()
      return
    }
    if (!request.write(next.value)) {
      request.once('drain', () => pump(request, pieces))
      return
    }
  }
}
