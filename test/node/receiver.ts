/** A receiver of webhooks on this machine, over real sockets: it answers as its path says, and remembers what came. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

export interface Delivered {
  /** webhook-id. */
  id: string
  path: string
  headers: Headers
  body: string
  /** Whether the answer was a success to its end. */
  isTaken: boolean
}

/** Answers a delivery; says whether it was taken. */
export type Behaviour = (response: ServerResponse, delivered: Delivered) => boolean

export interface WebhookReceiver {
  url(path: string): string
  /** In the order of arrival. */
  received: Delivered[]
  /** The ids that were taken at a path. */
  taken(path: string): Set<string>
  stop(): Promise<void>
}

type BehaviourName =
  | 'ok'
  | 'error'
  | 'gone'
  | 'redirect'
  | 'large'
  | 'endless'
  | 'silent'
  | 'stuck'
  | 'reset'
  | 'short'

export const BEHAVIOURS: Readonly<Record<BehaviourName, Behaviour>> = {
  ok: (response) => {
    response.end('thank\u0007 you\u202e')
    return true
  },
  error: (response) => {
    response.writeHead(500).end('x'.repeat(3000))
    return false
  },
  gone: (response) => {
    response.writeHead(410).end()
    return false
  },
  redirect: (response) => {
    response.writeHead(307, { Location: '/ok' }).end()
    return false
  },
  large: (response) => {
    response.end('y'.repeat(1_000_000))
    return true
  },
  endless: (response) => {
    const chunk = 'z'.repeat(16_384)
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more)
    more()
    return true
  },
  silent: () => false,
  /** Begins to answer, and stops. */
  stuck: (response) => {
    response.writeHead(200).write('well')
    return false
  },
  reset: (response) => {
    response.socket?.resetAndDestroy()
    return false
  },
  /** Ends before what it promised. */
  short: (response) => {
    response.writeHead(200, { 'Content-Length': '100' }).write('well', () => {
      response.socket?.destroy()
    })
    return false
  },
}

/** `behave` chooses by the path, without its slash. */
export async function startReceiver(behave: (path: string) => Behaviour): Promise<WebhookReceiver> {
  const received: Delivered[] = []
  const server = createServer(async (request, response) => {
    const path = request.url?.slice(1) ?? ''
    const chunks: Buffer[] = []
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    for await (const chunk of request) chunks.push(chunk)
    const headers = new Headers()
    for (const [name, values] of Object.entries(request.headersDistinct)) {
      for (const value of values ?? []) headers.append(name, value)
    }
    const id = headers.get('webhook-id') ?? ''
    const body = Buffer.concat(chunks).toString()
    const delivered: Delivered = { id, path, headers, body, isTaken: false }
    received.push(delivered)
    delivered.isTaken = behave(path)(response, delivered)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: (path) => `http://127.0.0.1:${address.port}/${path}`,
    received,
    taken: (path) =>
      new Set(received.filter((one) => one.isTaken && one.path === path).map(({ id }) => id)),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
