/** An HTTP/1.1 request on a socket of its own, whose body goes out when the test says so: late, slowly, or never to its end. */
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

export interface RawHead {
  method: string
  target: URL
  headers: Record<string, string>
}

export interface RawAnswer {
  status: number
  /** By their names in lower case. */
  headers: Record<string, string>
}

export interface OpenRequest {
  socket: Socket
  /** @throws {Error} where the connection ends without an answer */
  answer: Promise<RawAnswer>
  /** Whether the answer is there, which may come before the body is out. */
  readonly answered: boolean
}

/** Connects and sends the head of a request. The caller writes the body to the socket, and closes it. */
export async function openRequest({ method, target, headers }: RawHead): Promise<OpenRequest> {
  const socket = connect({ port: Number(target.port), host: target.hostname, noDelay: true })
  const lines = Object.entries({ Host: target.host, ...headers }).map(([k, v]) => `${k}: ${v}\r\n`)
  socket.write(`${method} ${target.pathname}${target.search} HTTP/1.1\r\n${lines.join('')}\r\n`)
  let answered = false
  const answer = readAnswer(socket).finally(() => {
    answered = true
  })
  // Who never asks for the answer hears of no error.
  answer.catch(() => undefined)
  return {
    socket,
    answer,
    get answered() {
      return answered
    },
  }
}

function readAnswer(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setEncoding('latin1').on('data', (more) => {
      text += more
      const end = text.indexOf('\r\n\r\n')
      if (end >= 0) resolve(parseHead(text.slice(0, end)))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection ended without an answer')))
  })
}

function parseHead(head: string): RawAnswer {
  const [first = '', ...lines] = head.split('\r\n')
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(fields) }
}

export interface Pace {
  bytesPerSecond: number
  /** Milliseconds without a byte in the middle of the body. */
  stall: number
}

/** Pieces a second. */
const PIECES = 8

/**
 * Sends a request with a body at a steady pace, with its length or, where `chunked`, in pieces that say theirs.
 * @returns the answer, and how many milliseconds it took after the last byte that was sent
 * @throws {Error} where the connection ends without an answer
 */
export async function sendSlowly(
  head: RawHead,
  body: Buffer,
  chunked: boolean,
  { bytesPerSecond, stall }: Pace,
): Promise<RawAnswer & { milliseconds: number }> {
  const framing: Record<string, string> = chunked
    ? { 'Transfer-Encoding': 'chunked' }
    : { 'Content-Length': String(body.length) }
  const request = await openRequest({ ...head, headers: { ...head.headers, ...framing } })
  const size = Math.ceil(bytesPerSecond / PIECES)
  let due = Date.now()
  try {
    for (let at = 0; at < body.length && !request.answered; at += size) {
      const isMiddle = at < body.length / 2 && at + size >= body.length / 2
      if (isMiddle && stall > 0) {
        await wait(stall)
        due = Date.now()
      }
      const piece = body.subarray(at, at + size)
      if (chunked) request.socket.write(`${piece.length.toString(16)}\r\n`)
      request.socket.write(piece)
      if (chunked) request.socket.write('\r\n')
      due += 1000 / PIECES
      await wait(Math.max(due - Date.now(), 0))
    }
    if (chunked && !request.answered) request.socket.write('0\r\n\r\n')
    const sent = performance.now()
    const answer = await request.answer
    return { ...answer, milliseconds: performance.now() - sent }
  } finally {
    request.socket.destroy()
  }
}
