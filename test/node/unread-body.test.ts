/** A client that is refused while it sends a large body reads the answer, and not that its connection was reset. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { stateFolder } from './support.ts'

const TIMES = 20
const LARGEST = Buffer.alloc(4 * 1024 * 1024, 'A')
const USER = { Authorization: `Basic ${btoa('admin:correct-horse-battery')}` }

const folder = stateFolder()
let registry: LocalRegistry

beforeAll(async () => {
  const vars = {
    OPEN_ACCESS: 'false',
    ADMIN_PASSWORD: 'correct-horse-battery',
    LOG_REQUESTS: 'false',
  }
  registry = await startLocal({ state: folder.path, vars })
})

afterAll(async () => {
  await registry.stop()
  await folder.remove()
})

it.each([
  ['without a password', '/v2/a/manifests/latest', 401],
  ['to no endpoint', '/v2/a/nothing/here', 404],
])('a push %s', async (_, path, status) => {
  expect(await answersTo(async () => send('PUT', path))).toEqual({ [status]: TIMES })
})

it('a push of unknown length without a password', async () => {
  const chunked = { 'Transfer-Encoding': 'chunked' }
  const answers = await answersTo(() => send('PUT', '/v2/a/manifests/latest', chunked))
  expect(answers).toEqual({ 401: TIMES })
})

it.each([
  ['out of order', 416],
  ['after the upload was cancelled', 404],
])('a chunk %s', async (_, status) => {
  const answers = await answersTo(async () => {
    const uploads = new URL('/v2/a/blobs/uploads/', registry.url)
    const begun = await fetch(uploads, { method: 'POST', headers: USER })
    const location = new URL(begun.headers.get('Location') ?? '')
    if (status === 404) await fetch(location, { method: 'DELETE', headers: USER })
    const range = { 'Content-Range': `1-${LARGEST.length}` }
    return send('PATCH', location.pathname, { ...USER, ...range })
  })
  expect(answers).toEqual({ [status]: TIMES })
})

async function answersTo(request: () => Promise<string>): Promise<Record<string, number>> {
  const answers = new Map<string, number>()
  for (let time = 0; time < TIMES; time++) {
    const answer = await request()
    answers.set(answer, (answers.get(answer) ?? 0) + 1)
  }
  return Object.fromEntries(answers)
}

/** The answer's status, as a client has it that writes its request to the end before it reads; or the error's code. */
function send(method: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  const chunked = 'Transfer-Encoding' in headers
  return new Promise((resolve) => {
    const socket = connect(Number(registry.url.port), registry.url.hostname)
    socket.pause()
    const head = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${registry.url.host}`,
      ...(chunked ? [] : [`Content-Length: ${LARGEST.length}`]),
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    if (chunked) socket.write(`${LARGEST.length.toString(16)}\r\n`)
    socket.write(LARGEST)
    socket.write(chunked ? '\r\n0\r\n\r\n' : '', () => socket.resume())
    socket.on('error', (error) => resolve('code' in error ? String(error.code) : error.message))
    socket.on('close', () => resolve('closed'))
    socket.on('data', (bytes) => {
      resolve(bytes.toString('latin1').split(' ')[1] ?? '')
      socket.destroy()
    })
  })
}
