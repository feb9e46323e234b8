/** Runs a sequence of requests against the Worker, and compares every answer and everything that is left with the model. */
import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { Digest } from '../../src/oci/digest.ts'
import { send } from './registry.ts'
import { bodyInit, exchange, newBody } from './upload-exchange.ts'
import {
  type Answer,
  BEGUN,
  digestBy,
  type Exchange,
  explain,
  hashOf,
  isWhole,
  joined,
  step,
  type UploadRequest,
  type UploadState,
} from './upload-model.ts'
import { type Ask, type Sequence, type Single, UPLOADS_AT_MOST } from './upload-sequences.ts'
import { sessionOf } from './uploads.ts'

/** An upload as its clients know it, and what the model says of it. */
interface Upload {
  repository: string
  name: string
  locations: { fresh: string; begun: string[] }
  state: UploadState
  /** The last PUT, for who sends it again. */
  closing: UploadRequest | null
}

/** A blob that somebody tried to push, and the names of those whose push was answered 201. */
interface Tried {
  repository: string
  digest: Digest
  by: Set<string>
}

const SQL = {
  lastEvent: `SELECT coalesce(max(seq), 0) AS seq FROM events`,
  pushes: `
    SELECT count(*) AS pushes FROM events
    WHERE seq > ?1 AND repository = ?2 AND action = 'push' AND event ->> '$.target.digest' = ?3`,
} as const

let runs = 0

export class SequenceRun {
  /** No other run has them. */
  readonly #repositories = [`model/${++runs}/one`, `model/${runs}/two`] as const
  readonly #uploads: Upload[] = []
  readonly #tried = new Map<string, Tried>()
  #eventsBefore = 0

  async run([first, steps]: Sequence): Promise<void> {
    const last = await env.DB.prepare(SQL.lastEvent).first<number>('seq')
    this.#eventsBefore = last ?? 0
    await this.#begin(first.begin, first.algorithm)
    for (const next of steps) {
      if ('begin' in next) await this.#begin(next.begin, next.algorithm)
      else if ('evict' in next) await evict(this.#pick(next.evict))
      else if ('single' in next) await this.#single(next)
      else await this.#together(next.group)
    }
    await this.#finishAll()
    await this.#checkBlobs()
  }

  #repository(index: number): string {
    return this.#repositories[index === 0 ? 0 : 1]
  }

  #pick(index: number): Upload {
    const upload = this.#uploads[index % this.#uploads.length]
    if (upload === undefined) throw new Error('a sequence begins with an upload')
    return upload
  }

  async #begin(index: number, named: string | null): Promise<void> {
    if (this.#uploads.length === UPLOADS_AT_MOST) return
    const repository = this.#repository(index)
    const query = named === null ? '' : `?digest-algorithm=${named}`
    const response = await send('POST', `/v2/${repository}/blobs/uploads/${query}`)
    expect(response.status).toBe(202)
    const fresh = response.headers.get('Location') ?? ''
    const name = response.headers.get('Docker-Upload-UUID') ?? ''
    const locations = { fresh, begun: [] }
    this.#uploads.push({ repository, name, locations, state: BEGUN, closing: null })
  }

  /** POST with a digest. */
  async #single({ single, size, algorithm, chunked, wrong }: Single): Promise<void> {
    const repository = this.#repository(single)
    const body = newBody(size)
    const digest = digestBy(algorithm, wrong ? newBody(40) : body)
    const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`
    const response = await send('POST', path, bodyInit(body, chunked))
    expect(response.status).toBe(wrong ? 400 : 201)
    this.#note(repository, digest, wrong ? null : crypto.randomUUID())
  }

  async #together(asks: readonly Ask[]): Promise<void> {
    const sent = asks.map((ask) => {
      const upload = this.#pick(ask.upload)
      return { upload, ask, request: requestOf(upload, ask) }
    })
    const exchanges = await Promise.all(
      sent.map(async ({ upload, ask, request }) => {
        if (ask.kind === 'elsewhere') return this.#elsewhere(upload, request)
        return { upload, request, answer: await this.#exchange(upload, request) }
      }),
    )
    const own = Map.groupBy(
      exchanges.filter((exchanged) => exchanged !== null),
      ({ upload }) => upload,
    )
    for (const [upload, list] of own) upload.state = explained(upload.state, list)
  }

  /** The same id under the other repository is none. */
  async #elsewhere({ repository }: Upload, request: UploadRequest): Promise<null> {
    const other = this.#repositories.find((name) => name !== repository)
    const location = request.location.replace(`/v2/${repository}/`, `/v2/${other}/`)
    const { answer } = await exchange({ ...request, location })
    expect([answer.status, answer.code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
    return null
  }

  /** Sends a request of the upload, and notes what the answer gives: another location, a blob. */
  async #exchange(upload: Upload, request: UploadRequest): Promise<Answer> {
    const { answer, location, name } = await exchange(request)
    if (name !== null || answer.status === 202) expect(name).toBe(upload.name)
    if (answer.status === 202) upload.locations.begun.push(location ?? '')
    if (request.method === 'PUT' && request.digest !== null) {
      upload.closing = request
      const by = answer.status === 201 ? upload.name : null
      this.#note(upload.repository, request.digest, by)
    }
    return answer
  }

  #note(repository: string, digest: Digest, by: string | null): void {
    const key = `${repository} ${digest}`
    const tried = this.#tried.get(key) ?? { repository, digest, by: new Set() }
    this.#tried.set(key, by === null ? tried : { ...tried, by: tried.by.add(by) })
  }

  /** What the sequence left open goes on, and is right; what it ended stays so. */
  async #finishAll(): Promise<void> {
    for (const upload of this.#uploads) {
      const { fresh, begun } = upload.locations
      const location = begun.at(-1) ?? fresh
      const ask = {
        method: 'GET',
        location,
        fresh: location === fresh,
        body: new Uint8Array(0),
        chunked: true,
        start: null,
        digest: null,
      } as const
      const requests: UploadRequest[] = [ask]
      if (upload.state.phase === 'open') {
        const { bytes } = upload.state
        const body = newBody(20)
        const digest = digestBy('sha256', joined(bytes, body))
        requests.push({ ...ask, method: 'PATCH', body, start: bytes.length })
        requests.push({ ...ask, method: 'PUT', digest })
      }
      for (const request of requests) {
        const answer = await this.#exchange(upload, request)
        upload.state = explained(upload.state, [{ request, answer }])
      }
    }
  }

  /** Every blob that was answered 201 is there, hashes to its digest and has one event of each upload; nothing else that was tried is. */
  async #checkBlobs(): Promise<void> {
    for (const { repository, digest, by } of this.#tried.values()) {
      const response = await send('GET', `/v2/${repository}/blobs/${digest}`)
      const bytes = new Uint8Array(await response.arrayBuffer())
      const found = response.status === 200 ? hashOf(bytes, digest) : response.status
      expect(found).toBe(by.size > 0 ? digest : 404)
      const events = env.DB.prepare(SQL.pushes).bind(this.#eventsBefore, repository, digest)
      expect(await events.first<number>('pushes')).toBe(by.size)
    }
  }
}

/** The state that these requests left. @throws {Error} with all of it where no order of them explains their answers */
function explained(state: UploadState, exchanges: readonly Exchange[]): UploadState {
  const next = explain(state, exchanges)
  if (next !== null) return next
  const lengthOf = <T extends { bytes: Uint8Array }>(of: T) => ({ ...of, bytes: of.bytes.length })
  const sent = exchanges.map(({ request: { body, ...request }, answer }) => ({
    ...request,
    bytes: body.length,
    whole: isWhole({ ...request, body }),
    answer,
    expectedAlone: step(state, { ...request, body })[0],
  }))
  const told = { before: lengthOf(state), sent }
  throw new Error(`no order explains these answers: ${JSON.stringify(told, null, 1)}`)
}

function requestOf({ locations, state, closing }: Upload, ask: Ask): UploadRequest {
  if (ask.kind === 'repeat' && closing !== null) return closing
  const [first, ...more] = locations.begun
  const chosen = { fresh: locations.fresh, begun: first, latest: more.at(-1) ?? first }[ask.id]
  const location = chosen ?? locations.fresh
  const plain = {
    location,
    fresh: location === locations.fresh,
    body: new Uint8Array(0),
    chunked: false,
    start: null,
    digest: null,
  }
  if (ask.kind !== 'patch' && ask.kind !== 'put') {
    return { ...plain, method: ask.kind === 'cancel' ? 'DELETE' : 'GET' }
  }
  const { size, chunked, shift } = ask
  const body = newBody(size)
  const start = shift === null || size === 0 ? null : Math.max(state.bytes.length + shift, 0)
  if (ask.kind === 'patch') return { ...plain, method: 'PATCH', body, chunked, start }
  const all = joined(state.bytes, body)
  const bytes = { all, body, committed: state.bytes, others: newBody(30) }[ask.digestOf]
  return { ...plain, method: 'PUT', body, chunked, start, digest: digestBy(ask.algorithm, bytes) }
}

/** An object that was not called, or not lately, is not in memory. */
async function evict({ locations }: Upload): Promise<void> {
  try {
    await evictDurableObject(sessionOf(locations.fresh))
  } catch (error) {
    if (!String(error).includes('not currently running')) throw error
  }
}
