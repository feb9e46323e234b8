/**
 * A real OIDC issuer on this machine: discovery, a JWK set, tokens, rotation of its keys, and every way to misbehave. One
 * server has many realms, each an issuer of its own with keys of its own.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import {
  forge,
  newSigner,
  type Part,
  publicJwk,
  type Signer,
  secondsFromNow,
} from '../auth/forge.ts'

const DISCOVERY = '/.well-known/openid-configuration'
const KEYS = '/keys'

export interface IssuerServer {
  newRealm(options?: { alg?: string }): Promise<Realm>
  stop(): Promise<void>
}

export async function startIssuer(): Promise<IssuerServer> {
  const realms = new Map<string, Realm>()
  const server = createServer((request, response) => {
    const [, name = ''] = request.url?.split('/') ?? []
    const realm = realms.get(name)
    if (realm === undefined) response.writeHead(404).end()
    else realm.answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const origin = `http://127.0.0.1:${address.port}`
  return {
    async newRealm({ alg = 'ES256' } = {}) {
      const signer = await newSigner('key-1', alg)
      const name = `realm-${realms.size}`
      const realm = new Realm(`${origin}/${name}`, signer)
      realms.set(name, realm)
      return realm
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export class Realm {
  /** What it calls itself in `iss`. */
  readonly issuer: string
  /** The paths that it was asked for, below the issuer. */
  readonly asked: string[] = []
  /** Signs the next token. */
  signer: Signer
  #published: Signer[]
  readonly #instead = new Map<string, RequestListener>()

  constructor(issuer: string, signer: Signer) {
    this.issuer = issuer
    this.signer = signer
    this.#published = [signer]
  }

  /** An ID token as CI systems make them, with other claims or header members where they are given. */
  idToken(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) {
    const all: Part = {
      iss: this.issuer,
      aud: 'berth',
      sub: 'repo:octo/app:ref:refs/heads/main',
      iat: secondsFromNow(0),
      exp: secondsFromNow(300),
      repository_owner: 'octo',
      ref: 'refs/heads/main',
      ...claims,
    }
    const { alg, kid } = this.signer
    return forge({ alg, typ: 'JWT', kid, ...header }, all, this.signer)
  }

  /** Signs with a new key from now on. Without an overlap the former one is withdrawn at once. */
  async rotate({ overlap }: { overlap: boolean }): Promise<void> {
    const next = await newSigner(`key-${this.#published.length + 1}`, this.signer.alg)
    this.#published = overlap ? [...this.#published, next] : [next]
    this.signer = next
  }

  /** Answers this for the discovery document or the keys. */
  answerWith(what: 'discovery' | 'keys', listener: RequestListener): void {
    this.#instead.set(what === 'keys' ? KEYS : DISCOVERY, listener)
  }

  async discovery(): Promise<Record<string, unknown>> {
    return { issuer: this.issuer, jwks_uri: `${this.issuer}${KEYS}` }
  }

  async keys(): Promise<{ keys: Record<string, unknown>[] }> {
    return { keys: await Promise.all(this.#published.map(publicJwk)) }
  }

  answer: RequestListener = async (request, response) => {
    const path = `${request.url}`.slice(new URL(this.issuer).pathname.length)
    this.asked.push(path)
    const instead = this.#instead.get(path)
    if (instead !== undefined) instead(request, response)
    else if (path === DISCOVERY) sendJson(response, await this.discovery())
    // A second address of the keys, for what points elsewhere.
    else if (path === KEYS || path === '/elsewhere') sendJson(response, await this.keys())
    else response.writeHead(404).end()
  }
}

export function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
}

export type Misbehaviour = (document: unknown, realm: Realm) => RequestListener

/** Ways in which a server may answer a request for a document, and be refused. */
export const MISBEHAVIOURS: Record<string, Misbehaviour> = {
  'redirects to where it is': (_document, realm) => (_request, response) =>
    response.writeHead(302, { Location: `${realm.issuer}/elsewhere` }).end(),
  'redirects for good': (_document, realm) => (_request, response) =>
    response.writeHead(308, { Location: `${realm.issuer}/elsewhere` }).end(),
  'has no such document': () => (_request, response) => response.writeHead(404).end(),
  'fails, with the document': (document) => (_request, response) =>
    response.writeHead(500).end(JSON.stringify(document)),
  'answers HTML': () => (_request, response) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('<html>'),
  'repeats a member': (document) => (_request, response) => {
    const text = JSON.stringify(document)
    response.end(`{"keys":[],"issuer":"",${text.slice(1)}`)
  },
  'answers too much, and says so': (document) => (_request, response) =>
    response.end(JSON.stringify(document) + ' '.repeat(64 * 1024)),
  'answers too much, in chunks': (document) => (_request, response) => {
    response.write(JSON.stringify(document))
    for (let n = 0; n < 64; n += 1) response.write(' '.repeat(1024))
    response.end()
  },
  'never ends': (document) => (_request, response) => {
    response.write(JSON.stringify(document))
    const timer = setInterval(() => response.write(' '.repeat(1024)), 1)
    response.on('close', () => clearInterval(timer))
  },
  'grows when it is unpacked': (document) => (_request, response) =>
    response
      .writeHead(200, { 'Content-Encoding': 'gzip' })
      .end(gzipSync(JSON.stringify(document) + ' '.repeat(8 * 1024 * 1024))),
  'breaks off': (document) => (_request, response) => {
    const text = JSON.stringify(document)
    response.writeHead(200, { 'Content-Length': text.length + 10 })
    response.write(text, () => response.destroy())
  },
  'hangs up': () => (request) => request.socket.destroy(),
  'does not answer': () => () => undefined,
  'answers a byte a second': (document) => (_request, response) => {
    const text = JSON.stringify(document)
    let sent = 0
    response.writeHead(200, { 'Content-Length': text.length })
    const timer = setInterval(() => {
      response.write(text.charAt(sent))
      sent += 1
      if (sent === text.length) clearInterval(timer)
    }, 1000)
    response.on('close', () => clearInterval(timer))
  },
}
