/**
 * The client's side of the registry protocol as the benchmarks need it: the ways to push a blob, the small requests, and enough
 * of the token protocol to measure a registry that asks for a login.
 */
import { createHash } from 'node:crypto'
import type { Answer, Outgoing } from './http.ts'
import { HttpClient, slices } from './http.ts'

export interface Credentials {
  user: string
  password: string
}

export interface Descriptor {
  mediaType: string
  digest: string
  size: number
}

const OCTETS = { 'content-type': 'application/octet-stream' }
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
export const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar'
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
/** What a token server means when it names no `expires_in` (distribution's token specification). */
const TOKEN_LIFETIME = 60

export class RegistryClient {
  readonly http: HttpClient
  readonly repository: string
  readonly #credentials: Credentials | undefined
  /** Milliseconds since the epoch; a token is fetched anew from then on. */
  #renewAt = 0

  constructor(base: URL, repository: string, credentials?: Credentials) {
    this.http = new HttpClient(base)
    this.repository = repository
    this.#credentials = credentials
  }

  /** The same registry and credentials, another repository; its connections are its own. */
  in(repository: string): RegistryClient {
    return new RegistryClient(this.http.base, repository, this.#credentials)
  }

  /**
   * Logs in as the registry asks for it, or renews a token that has used up half its life. Called before the timed part.
   * @throws {Error} when the registry refuses the credentials or asks for another scheme
   */
  async authorize(): Promise<void> {
    if (Date.now() < this.#renewAt) return
    const basic = this.#credentials && basicAuthorization(this.#credentials)
    this.http.authorization = undefined
    const answer = await this.http.send('GET', '/v2/')
    this.#renewAt = Number.POSITIVE_INFINITY
    if (answer.status !== 401) return
    const challenge = answer.headers['www-authenticate'] ?? ''
    if (/^basic/i.test(challenge)) {
      this.http.authorization = basic
      await this.http.expect(200, 'GET', '/v2/')
    } else if (/^bearer/i.test(challenge)) {
      const { token, lifetime } = await this.#fetchToken(challenge, basic)
      this.http.authorization = `Bearer ${token}`
      this.#renewAt = Date.now() + lifetime * 500
    } else {
      throw new Error(`GET /v2/: cannot answer the challenge ${challenge}`)
    }
  }

  async #fetchToken(
    challenge: string,
    basic: string | undefined,
  ): Promise<{ token: string; lifetime: number }> {
    const { realm = '', service } = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    )
    const url = new URL(realm)
    if (service !== undefined) url.searchParams.set('service', service)
    url.searchParams.set('scope', `repository:${this.repository}:pull,push`)
    const response = await fetch(
      url,
      basic === undefined ? {} : { headers: { authorization: basic } },
    )
    const body: unknown = await response.json()
    if (typeof body === 'object' && body !== null) {
      const token =
        'token' in body ? body.token : 'access_token' in body ? body.access_token : undefined
      const lifetime = 'expires_in' in body ? Number(body.expires_in) : TOKEN_LIFETIME
      if (typeof token === 'string') return { token, lifetime }
    }
    throw new Error(`${url.origin}${url.pathname}: ${response.status} without a token`)
  }

  /** POST, then PUT with the digest and everything in it. */
  async pushSingle(digest: string, body: Iterable<Buffer>, length: number): Promise<void> {
    const location = await this.#startUpload()
    await this.http.expect(201, 'PUT', withDigest(location, digest), {
      headers: OCTETS,
      body,
      length,
    })
  }

  /** POST, one PATCH with chunked encoding, PUT: docker's way. */
  async pushStreamed(digest: string, body: Iterable<Buffer>): Promise<void> {
    const location = await this.#startUpload()
    await this.#finishUpload(await this.#patch(location, { headers: OCTETS, body }), digest)
  }

  /** POST, PATCHes of `chunk` bytes with Content-Length and Content-Range, PUT. */
  async pushChunked(digest: string, bytes: Buffer, chunk: number): Promise<void> {
    let location = await this.#startUpload()
    for (let start = 0; start < bytes.length; start += chunk) {
      const piece = bytes.subarray(start, start + chunk)
      const headers = { ...OCTETS, 'content-range': `${start}-${start + piece.length - 1}` }
      location = await this.#patch(location, { headers, body: slices(piece), length: piece.length })
    }
    await this.#finishUpload(location, digest)
  }

  async #startUpload(): Promise<URL> {
    const answer = await this.http.expect(202, 'POST', `/v2/${this.repository}/blobs/uploads/`, {
      length: 0,
    })
    return this.#location(answer)
  }

  async #patch(location: URL, outgoing: Outgoing): Promise<URL> {
    return this.#location(await this.http.expect(202, 'PATCH', location, outgoing))
  }

  async #finishUpload(location: URL, digest: string): Promise<void> {
    await this.http.expect(201, 'PUT', withDigest(location, digest), { length: 0 })
  }

  #location(answer: Answer): URL {
    return new URL(answer.headers.location ?? '', this.http.base)
  }

  async pullBlob({ digest, size }: Descriptor): Promise<void> {
    await this.http.fetchBody(`/v2/${this.repository}/blobs/${digest}`, size)
  }

  async headBlob(digest: string): Promise<void> {
    await this.http.expect(200, 'HEAD', `/v2/${this.repository}/blobs/${digest}`)
  }

  async putManifest(reference: string, manifest: Buffer): Promise<void> {
    await this.http.expect(201, 'PUT', `/v2/${this.repository}/manifests/${reference}`, {
      headers: { 'content-type': MANIFEST_TYPE },
      body: [manifest],
      length: manifest.length,
    })
  }

  async getManifest(reference: string): Promise<void> {
    const headers = { accept: MANIFEST_TYPE }
    await this.http.expect(200, 'GET', `/v2/${this.repository}/manifests/${reference}`, { headers })
  }

  async listTags(expected: number): Promise<void> {
    await this.expectList(`${this.repository}/tags/list`, 'tags', expected)
  }

  /**
   * @param target below `/v2/`
   * @throws {Error} when the answer does not list as many under `field` as expected
   */
  async expectList(target: string, field: string, expected: number): Promise<void> {
    const { body } = await this.http.expect(200, 'GET', `/v2/${target}`)
    const page: unknown = JSON.parse(body.toString())
    const list: unknown = Reflect.get(Object(page), field)
    if (!Array.isArray(list) || list.length !== expected)
      throw new Error(`GET /v2/${target}: not ${expected} ${field}`)
  }
}

/** An image manifest over `layer`, made unlike any other by `nonce`. The layer's blob stands in for its config, unless it has one. */
export function imageManifest(
  layer: Descriptor,
  nonce: string,
  { config = layer, subject }: { config?: Descriptor; subject?: Descriptor } = {},
): Buffer {
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { ...config, mediaType: CONFIG_TYPE },
    layers: [layer],
    ...(subject === undefined ? {} : { subject }),
    annotations: { 'org.opencontainers.image.revision': nonce },
  }
  return Buffer.from(JSON.stringify(manifest))
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function withDigest(location: URL, digest: string): URL {
  const url = new URL(location)
  url.searchParams.set('digest', digest)
  return url
}

function basicAuthorization({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
