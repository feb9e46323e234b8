/**
 * Every call of R2, or S3, and D1 that a push of a blob makes fails once, before and after its effect; and at each of them the upload's object
 * crashes once. The client then goes on as clients do: at the offset that the status tells, or anew. In the end the blob has the
 * right bytes, and one event tells of it.
 */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { beginUpload, randomBytes, send } from '../support/registry.ts'
import { ofLength } from '../support/uploads.ts'
import { crashSession } from '../support/worker.ts'
import { InjectedFault, recordCalls, withAct } from './faults.ts'

const REPOSITORY = 'faults/app'

interface Push {
  bytes: Uint8Array<ArrayBuffer>
  digest: Digest
  /** Whether the blob comes in one PUT. */
  whole: boolean
}

async function newPush(length: number, whole: boolean): Promise<Push> {
  const bytes = randomBytes(length)
  return { bytes, digest: await digestOf(bytes), whole }
}

/** One try, from where the upload is. Returns the status of the request that ended it. */
async function attempt({ bytes, digest, whole }: Push, location: string): Promise<number> {
  if (whole) return (await send('PUT', `${location}?digest=${digest}`, ofLength(bytes))).status
  const status = await send('GET', location)
  if (status.status !== 204) return status.status
  const last = Number(status.headers.get('Range')?.slice(2))
  const offset = last === 0 ? 0 : last + 1
  let next = location
  if (offset < bytes.length) {
    const headers = { 'Content-Range': `${offset}-${bytes.length - 1}` }
    const patched = await send('PATCH', location, { body: bytes.slice(offset), headers })
    if (patched.status !== 202) return patched.status
    next = patched.headers.get('Location') ?? location
  }
  return (await send('PUT', `${next}?digest=${digest}`)).status
}

/** Goes on until the push has succeeded. Returns the statuses of all tries. */
async function goOn(push: Push, first: string): Promise<number[]> {
  const statuses: number[] = []
  let location = first
  while (statuses.length < 5 && statuses.at(-1) !== 201) {
    // Whatever an upload that is gone has become: the client begins another one.
    if (statuses.at(-1) === 404) location = await beginUpload(REPOSITORY)
    statuses.push(await attempt(push, location))
  }
  return statuses
}

async function expectPushedOnce({ bytes, digest }: Push): Promise<void> {
  const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`)
  expect(response.status).toBe(200)
  expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0)
  const sql = `SELECT count(*) AS count FROM events WHERE event ->> '$.target.digest' = ?`
  expect(await env.DB.prepare(sql).bind(digest).first('count')).toBe(1)
}

const PATHS: [string, number, boolean][] = [
  ['in one PUT', 1000, true],
  ['in a chunk of less than a part', 1000, false],
  ['in parts and a tail', 2 * PART_BYTES + 1000, false],
]

const FAULTS: [string, () => Promise<void>][] = [
  [
    'a passing error',
    async () => {
      throw new InjectedFault('Network connection lost.')
    },
  ],
  [
    'another error',
    async () => {
      throw new InjectedFault('nobody knows why')
    },
  ],
  ['a crash of the object', crashSession],
]

describe.each(PATHS)('a blob %s', (path, length, whole) => {
  it.each(FAULTS)(
    'is pushed once, after %s at each call',
    { timeout: 120_000 },
    async (fault, act) => {
      const model = await newPush(length, whole)
      const begun = await beginUpload(REPOSITORY)
      const calls = await recordCalls(async () => {
        expect(await attempt(model, begun)).toBe(201)
      })
      expect(calls.length).toBeGreaterThan(1)
      if (whole && fault === 'a crash of the object') return
      for (let call = 1; call <= calls.length; call++) {
        for (const when of ['before', 'after'] as const) {
          const push = await newPush(length, whole)
          const location = await beginUpload(REPOSITORY)
          const first = await withAct({ call, when }, () => attempt(push, location), act)
          const at = `${fault} ${when} call ${call}, ${calls[call - 1]}, ${path}`
          // A passing error is tried again by the registry itself, but for a body that went with its first try.
          const isBody = whole && /^(?:r2\.put|s3\.send|folder\.send)$/.test(calls[call - 1] ?? '')
          const isRetried = fault === 'a passing error' && !isBody
          if (isRetried) expect([at, first]).toEqual([at, 201])
          const rest = first === 201 ? [] : await goOn(push, location)
          expect([at, [first, ...rest].at(-1)]).toEqual([at, 201])
          expect(
            [first, ...rest].every((status) => [201, 404, 500, 503].includes(status)),
            `${at}: ${[first, ...rest]}`,
          ).toBe(true)
          await expectPushedOnce(push)
        }
      }
    },
  )
})
