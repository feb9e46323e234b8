/** What the tests in Node share: processes and their children, a registry to try things on, and a client of raw sockets. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { LocalRegistry } from '../../src/cli/local.ts'
import { findWorkerd } from '../bench/process-memory.ts'

/** An empty folder that goes when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** The same for all tests of a file: the caller removes it. */
export function stateFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-test-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Rows of the database of the registry that keeps its state in `folder`, also while it runs. */
export function databaseRows(folder: string, sql: string): Record<string, unknown>[] {
  const place = join(folder, 'v3/d1/miniflare-D1DatabaseObject')
  const [file, ...others] = readdirSync(place).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name))
  if (file === undefined || others.length > 0) throw new Error(`not one database in ${place}`)
  const database = new DatabaseSync(join(place, file), { readOnly: true })
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}

export interface Process {
  pid: number
  name: string
}

/** The processes below `parent`, however deep, those that ended and were not yet waited for left out. */
export function descendants(parent: number): Process[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statusOf(Number(name)))
  const below = (pid: number): Process[] =>
    all
      .filter((status) => status.parent === pid)
      .flatMap((status) => [{ pid: status.pid, name: status.name }, ...below(status.pid)])
  return below(parent)
}

export function isRunning({ pid, name }: Process): boolean {
  return statusOf(pid).some((status) => status.name === name)
}

function statusOf(pid: number) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
    const zombie = field('State') === 'Z'
    return zombie ? [] : [{ pid, name: field('Name'), parent: Number(field('PPid')) }]
  } catch {
    return [] // ended since the listing
  }
}

/** Waits until `check` holds. @throws {Error} after `milliseconds` */
export async function eventually(check: () => boolean, what: string, milliseconds = 10_000) {
  const deadline = Date.now() + milliseconds
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${milliseconds} ms`)
    await wait(20)
  }
}

/** Ends the registry's runtime at once, as a crash does. */
export async function kill(registry: LocalRegistry): Promise<void> {
  const workerd = { pid: findWorkerd(process.pid), name: 'workerd' }
  process.kill(workerd.pid, 'SIGKILL')
  await eventually(() => !isRunning(workerd), 'the end of workerd')
  await registry.stop().catch(() => undefined)
}

export interface Bytes {
  bytes: Buffer<ArrayBuffer>
  digest: string
}

export function newBytes(length: number): Bytes {
  const bytes = Buffer.from(randomBytes(length).buffer, 0, length)
  return { bytes, digest: digestOf(bytes) }
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export async function beginUpload(url: URL, repository: string): Promise<URL> {
  const response = await fetch(new URL(`/v2/${repository}/blobs/uploads/`, url), { method: 'POST' })
  return new URL(response.headers.get('Location') ?? '', url)
}

/** The digest of what GET sends; null where there is nothing. */
export async function pulledDigest(
  url: URL,
  repository: string,
  digest: string,
): Promise<string | null> {
  const response = await fetch(new URL(`/v2/${repository}/blobs/${digest}`, url))
  const bytes = new Uint8Array(await response.arrayBuffer())
  return response.status === 200 ? digestOf(bytes) : null
}

export interface RawRequest {
  method: string
  target: URL
  headers: Record<string, string>
  /** What is sent behind the headers, byte by byte as it stands here. */
  wire: Uint8Array
}

/** Sends a request, whole or cut off, and closes the connection at once: in order, or with a reset. */
export async function sendAndLeave(request: RawRequest, how: 'close' | 'reset'): Promise<void> {
  const { method, target, headers, wire } = request
  const socket = connect(Number(target.port), target.hostname)
  const lines = Object.entries({ Host: target.host, ...headers }).map(([k, v]) => `${k}: ${v}\r\n`)
  socket.on('error', () => undefined)
  socket.resume()
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(`${method} ${target.pathname}${target.search} HTTP/1.1\r\n${lines.join('')}\r\n`)
  await new Promise((resolve) => socket.write(wire, resolve))
  if (how === 'reset') socket.resetAndDestroy()
  else socket.destroy()
}

/** A body in chunked encoding, and where each byte of it stands on the wire. */
export function chunkedWire(bytes: Uint8Array, sizes: readonly number[]) {
  const pieces: Uint8Array[] = []
  /** Where the data of each chunk begins on the wire, and how long it is. */
  const chunks: [number, number][] = []
  let onWire = 0
  const push = (piece: Uint8Array) => {
    pieces.push(piece)
    onWire += piece.length
  }
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const length = Math.min(sizes[index % sizes.length] ?? bytes.length, bytes.length - at)
    push(Buffer.from(`${length.toString(16)}\r\n`))
    chunks.push([onWire, length])
    push(bytes.subarray(at, at + length))
    push(Buffer.from('\r\n'))
    at += length
  }
  push(Buffer.from('0\r\n\r\n'))
  /** How many bytes of the body are within the first `cut` bytes of the wire. */
  const bodyBefore = (cut: number) =>
    chunks.reduce((sum, [from, length]) => sum + Math.min(Math.max(cut - from, 0), length), 0)
  return { wire: Buffer.concat(pieces), bodyBefore }
}
