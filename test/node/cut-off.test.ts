/** A body that ends before its length while the client still listens: its own mistake, and told so. */

import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { beginUpload } from './support.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
let state: string
let registry: LocalRegistry

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'berth-test-'))
  registry = await startLocal({ state })
})
afterAll(async () => {
  await registry.stop()
  await rm(state, { recursive: true })
})

async function uploadPath(): Promise<string> {
  return (await beginUpload(registry.url, 'cut/off')).pathname
}

/** Sends the request and closes only the sending half of the connection; the response as text. */
function sendHalf(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(registry.url.port), '127.0.0.1')
    let response = ''
    socket.setEncoding('utf8').on('data', (text) => {
      response += text
    })
    socket.on('end', () => resolve(response)).on('error', reject)
    socket.end(request)
  })
}

it.each<[string, () => Promise<string>]>([
  ['POST', async () => `/v2/cut/off/blobs/uploads/?digest=${DIGEST}`],
  ['PUT', async () => `${await uploadPath()}?digest=${DIGEST}`],
  ['PATCH', uploadPath],
  ['PUT', async () => '/v2/cut/off/manifests/latest'],
])('%s is refused with SIZE_INVALID', async (method, path) => {
  for (const [header, body] of [
    ['Content-Length: 1000', 'abc'],
    ['Transfer-Encoding: chunked', '5\r\nabc'],
  ]) {
    const head = `${method} ${await path()} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n`
    const response = await sendHalf(`${head}\r\n${body}`)
    expect(response).toMatch(/^HTTP\/1\.1 400 /)
    expect(response).toContain('"code":"SIZE_INVALID"')
  }
})
