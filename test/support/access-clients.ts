/** Clients of a closed registry: people with accounts and grants of their own, their access tokens, their bearer tokens, and nobody. */
import type { Env } from '../../src/http/middleware/context.ts'
import { MEDIA_TYPE_OCI_MANIFEST } from '../../src/oci/media-types.ts'
import { ADMIN_PASSWORD, administer, basic, closed, PASSWORD } from './access-world.ts'
import { send } from './registry.ts'

type Grants = Readonly<Record<string, readonly string[]>>

export class Client {
  readonly name: string
  readonly authorization: string | null
  readonly environment: Env

  constructor(name: string, authorization: string | null, environment: Env = closed) {
    this.name = name
    this.authorization = authorization
    this.environment = environment
  }

  /** The same client of a registry that is configured otherwise. */
  at(environment: Env): Client {
    return new Client(this.name, this.authorization, environment)
  }

  send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: Uint8Array<ArrayBuffer> | string,
  ): Promise<Response> {
    const all = new Headers(headers)
    if (this.authorization !== null) all.set('Authorization', this.authorization)
    const init = body === undefined ? { headers: all } : { headers: all, body }
    return send(method, path, init, this.environment)
  }

  /** Calls the administration API. */
  call(method: string, path: string, body?: unknown): Promise<Response> {
    if (body === undefined) return this.send(method, `/api/v1${path}`)
    const headers = { 'Content-Type': 'application/json' }
    return this.send(method, `/api/v1${path}`, headers, JSON.stringify(body))
  }

  putManifest(
    path: string,
    bytes: Uint8Array<ArrayBuffer>,
    type: string = MEDIA_TYPE_OCI_MANIFEST,
  ) {
    return this.send('PUT', path, { 'Content-Type': type }, bytes)
  }

  /** The bearer token that this client gets for the scopes. */
  async token(...scopes: string[]): Promise<string> {
    const query = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`).join('&')
    const response = await this.send('GET', `/token?${query}`)
    if (!response.ok) throw new Error(`/token: ${await response.text()}`)
    const { token } = await response.json<{ token: string }>()
    return token
  }

  /** This client with a bearer token for the scopes. */
  async bearing(...scopes: string[]): Promise<Client> {
    const token = await this.token(...scopes)
    return new Client(`${this.name} with a token`, `Bearer ${token}`, this.environment)
  }

  /** This account with an access token instead of its password. */
  async withAccessToken(grants?: Grants): Promise<Client & { id: string; secret: string }> {
    const name = `t${crypto.randomUUID()}`
    const limit = grants === undefined ? {} : { grants: listOf(grants) }
    const response = await administer('POST', '/tokens', { account: this.name, name, ...limit })
    const { id, secret } = await response.json<{ id: string; secret: string }>()
    const client = new Client(this.name, basic(this.name, secret), this.environment)
    return Object.assign(client, { id, secret })
  }
}

export const NOBODY = new Client('nobody', null)
export const ADMIN = new Client('admin', basic('admin', ADMIN_PASSWORD))

let made = 0

/** An account of its own with these grants. */
export async function newClient(grants: Grants = {}): Promise<Client> {
  made += 1
  const name = `client-${made}`
  await administer('POST', '/accounts', { name, password: PASSWORD })
  for (const { pattern, actions } of listOf(grants)) {
    await administer('PUT', '/grants', { principal: `account:${name}`, pattern, actions })
  }
  return new Client(name, basic(name, PASSWORD))
}

function listOf(grants: Grants) {
  return Object.entries(grants).map(([pattern, actions]) => ({ pattern, actions }))
}
