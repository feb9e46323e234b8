/** A client behind a slow line: it pushes one blob at its pace, goes on where it was told to come back later, and checks what is stored. */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type Pace, sendSlowly } from '../node/raw-request.ts'
import type { Answer, HttpClient } from './http.ts'

export interface SlowPush extends Pace {
  repository: string
  size: number
  /** Whether the body goes out without its length. */
  chunked: boolean
}

export interface SlowOutcome {
  /** How often the client was told to come back later. */
  retries: number
  /** Milliseconds from a request's last byte to its answer, at most. */
  slowestAnswer: number
  /** What is stored under the digest; called when the client's own time is over. */
  check(): Promise<void>
}

const MOST_RETRIES = 30

/** All blobs are cut from it, each with a beginning of its own. */
const SOURCE = randomBytes(2 * 1024 * 1024)

/** @throws {Error} where the registry answers anything but what it agreed to */
export async function pushSlowly(http: HttpClient, push: SlowPush): Promise<SlowOutcome> {
  const { repository, size } = push
  const bytes = Buffer.from(SOURCE.subarray(0, size))
  randomBytes(16).copy(bytes)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  let slowestAnswer = 0
  const timed = async (work: Promise<Answer>) => {
    const start = performance.now()
    const answer = await work
    slowestAnswer = Math.max(slowestAnswer, performance.now() - start)
    return answer
  }
  let retries = 0
  const comeBack = async (doing: string, status: number, retryAfter: unknown) => {
    const seconds = Number(retryAfter)
    if (status !== 503 || !(seconds > 0)) throw new Error(`${doing}: ${status}`)
    if (++retries > MOST_RETRIES) throw new Error(`${doing}: told to come back ${retries} times`)
    await wait(seconds * 1000)
  }

  const begun = await timed(
    http.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`, { length: 0 }),
  )
  let location = new URL(begun.headers.location ?? '', http.base)
  for (let offset = 0; offset < size; ) {
    const range = `${offset}-${size - 1}`
    // Only who goes on somewhere names where.
    const headers: Record<string, string> =
      push.chunked && offset === 0 ? {} : { 'Content-Range': range }
    const head = { method: 'PATCH', target: location, headers }
    const answer = await sendSlowly(head, bytes.subarray(offset), push.chunked, push)
    slowestAnswer = Math.max(slowestAnswer, answer.milliseconds)
    if (answer.status === 202) {
      location = new URL(answer.headers.location ?? '', http.base)
      break
    }
    await comeBack('PATCH', answer.status, answer.headers['retry-after'])
    offset = offsetOf(await timed(http.expect(204, 'GET', location)))
  }
  const closing = new URL(location)
  closing.searchParams.set('digest', digest)
  for (;;) {
    const { status, headers } = await timed(http.send('PUT', closing, { length: 0 }))
    if (status === 201) break
    await comeBack('PUT', status, headers['retry-after'])
  }
  const check = async () => {
    const { body } = await http.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`)
    if (!body.equals(bytes)) throw new Error(`other bytes under ${digest}`)
  }
  return { retries, slowestAnswer, check }
}

/** One committed byte cannot be told from none; no piece of a slow client is so short. */
function offsetOf({ headers }: Answer): number {
  const last = Number(/^0-(\d+)$/.exec(String(headers.range))?.[1])
  return last === 0 ? 0 : last + 1
}
