/** `npm start` as a user runs it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  descendants,
  digestOf,
  eventually,
  isRunning,
  newBytes,
  type Process,
  pulledDigest,
  temporaryFolder,
} from './support.ts'

const ROOT = resolve(import.meta.dirname, '../..')

interface Started {
  npm: ChildProcess
  output: () => string
}

const started: Started[] = []

afterEach(async () => {
  for (const { npm } of started.splice(0)) await stop(npm)
})

function npmStart(environment: Record<string, string>, ...args: string[]): Started {
  const npm = spawn('npm', ['start', '--', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    // Its own group, as in a terminal: Ctrl-C goes to all of it.
    detached: true,
  })
  let output = ''
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString()
    })
  }
  const process_ = { npm, output: () => output }
  started.push(process_)
  return process_
}

async function ready({ npm, output }: Started): Promise<URL> {
  const address = () => /http:\/\/(localhost|127\.0\.0\.2):\d+/.exec(output())?.[0]
  await eventually(() => address() !== undefined || npm.exitCode !== null, 'the start', 60_000)
  const found = address()
  if (found === undefined) throw new Error(output())
  return new URL(found.replace('localhost', '127.0.0.1'))
}

async function exitCode({ npm, output }: Started): Promise<number | null> {
  await eventually(() => npm.exitCode !== null, `the end after: ${output()}`, 60_000)
  return npm.exitCode
}

async function stop(npm: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<Process[]> {
  if (npm.pid === undefined || npm.exitCode !== null || npm.signalCode !== null) return []
  const children = descendants(npm.pid)
  const ended = once(npm, 'exit')
  if (signal === 'SIGINT') process.kill(-npm.pid, signal)
  else npm.kill(signal)
  await ended
  return children
}

function push(url: URL, bytes: Uint8Array<ArrayBuffer>): Promise<Response> {
  const path = `/v2/hello/blobs/uploads/?digest=${digestOf(bytes)}`
  return fetch(new URL(path, url), { method: 'POST', body: bytes })
}

describe('npm start', () => {
  it('serves, prints commands to paste, keeps its content across a restart, and accepts variables', async () => {
    const STATE = temporaryFolder()
    const { bytes, digest } = newBytes(100_000)
    const first = npmStart({ PORT: '0', STATE })
    const url = await ready(first)
    expect(first.output()).toContain(`docker push localhost:${url.port}/hello`)
    // The greeting is the last thing that is printed before a request.
    expect(first.output()).not.toContain('"message":"request"')
    expect((await fetch(new URL('/v2/', url))).status).toBe(200)
    expect((await push(url, bytes)).status).toBe(201)
    const children = await stop(first.npm)
    expect(children.map(({ name }) => name)).toContain('workerd')
    await eventually(() => !children.some(isRunning), 'the end of all processes')

    const second = npmStart({ PORT: '0', STATE }, '--var', 'DELETE_ENABLED:false')
    const again = await ready(second)
    expect(await pulledDigest(again, 'hello', digest)).toBe(digest)
    const refused = await fetch(new URL(`/v2/hello/blobs/${digest}`, again), { method: 'DELETE' })
    expect(refused.status).toBe(405)
    const others = await stop(second.npm, 'SIGINT')
    await eventually(() => !others.some(isRunning), 'the end of all processes after Ctrl-C')
  })

  it('keeps blobs in the folder of --storage, across a restart', async () => {
    const STATE = temporaryFolder()
    const storage = join(temporaryFolder(), 'new/blobs')
    const { bytes, digest } = newBytes(100_000)
    const first = npmStart({ PORT: '0', STATE }, '--storage', storage)
    expect((await push(await ready(first), bytes)).status).toBe(201)
    await stop(first.npm)
    const files = readdirSync(join(storage, 'objects'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => digestOf(readFileSync(join(parentPath, name))))
    expect(files).toEqual([digest])
    const second = npmStart({ PORT: '0', STATE }, '--storage', storage)
    expect(await pulledDigest(await ready(second), 'hello', digest)).toBe(digest)
    const third = npmStart({ PORT: '0', STATE: temporaryFolder() }, '--storage', storage)
    expect(await exitCode(third)).toBe(1)
    expect(third.output()).toContain('choose another folder with --storage')
  })

  it.each<[string, Record<string, string>, string[], string]>([
    ['a storage folder that is a file', {}, ['--storage', import.meta.filename], 'is a file'],
    ['a port that is none', { PORT: 'http' }, [], 'PORT takes a number'],
    ['a port that is too high', { PORT: '65536' }, [], 'PORT takes a number'],
    ['a variable without a value', { PORT: '0' }, ['--var', 'KEY'], '--var takes NAME:value'],
    ['a misspelt variable', {}, ['--var', 'DELETE_ENABLE:false'], 'did you mean DELETE_ENABLED?'],
    ['an unknown variable', {}, ['--var', 'COLOUR:blue'], 'there is no variable COLOUR'],
    ['a value that is none', { PORT: '0' }, ['--var', 'CATALOG_PAGE_MAX:0'], 'CATALOG_PAGE_MAX'],
    ['no credentials at all', { PORT: '0' }, ['--var', 'OPEN_ACCESS:false'], 'ADMIN_PASSWORD'],
    ['and how to set it', { PORT: '0' }, ['--var', 'OPEN_ACCESS:false'], '-- --var NAME:value'],
    [
      'a path of two slashes',
      { PORT: '0' },
      ['--var', 'PUBLIC_URL:https://a.test//b'],
      'PUBLIC_URL',
    ],
    ['a host that is none', { PORT: '0', HOST: 'host.invalid' }, [], 'of host.invalid'],
    ['an unknown option', { PORT: '0' }, ['--verbose'], 'usage: npm start'],
  ])('ends with an error that names the cause: %s', async (_, environment, args, message) => {
    const run = npmStart({ STATE: temporaryFolder(), ...environment }, ...args)
    expect(await exitCode(run)).toBe(1)
    expect(run.output()).toContain(message)
    expect(run.output()).not.toContain('    at ')
    expect(run.output()).not.toContain('npx wrangler')
  })

  it.each(['--help', '-h'])('prints its usage, and nothing else, with %s', async (option) => {
    const run = npmStart({ STATE: temporaryFolder() }, option)
    expect(await exitCode(run)).toBe(0)
    expect(run.output()).toContain('usage: npm start')
    expect(run.output()).not.toContain('did not start')
  })

  it('says how to log in, and listens elsewhere, where that is asked for', async () => {
    const run = npmStart(
      { PORT: '0', HOST: '127.0.0.2', STATE: temporaryFolder() },
      '--var',
      'ADMIN_PASSWORD:correct-horse-battery',
    )
    const url = await ready(run)
    expect(run.output()).toContain(`docker login ${url.host} -u admin`)
    expect(run.output()).toContain('on the address 127.0.0.2, for those who log in')
    expect((await fetch(new URL('/v2/', url))).status).toBe(401)
  })

  it('does not open itself to others unless that is asked for, too', async () => {
    const elsewhere = { PORT: '0', HOST: '127.0.0.2', STATE: temporaryFolder() }
    const closed = npmStart(elsewhere)
    expect(await exitCode(closed)).toBe(1)
    expect(closed.output()).toContain('takes --var OPEN_ACCESS:true too')
    const open = npmStart(elsewhere, '--var', 'OPEN_ACCESS:true')
    await ready(open)
    expect(open.output()).toContain('on the address 127.0.0.2, open to everybody')
    expect(open.output()).toContain('ALLOWED_HOSTS')
  })

  it('refuses a folder that another registry uses, and names that registry', async () => {
    const STATE = temporaryFolder()
    const first = npmStart({ PORT: '0', STATE })
    const url = await ready(first)
    const children = descendants(first.npm.pid ?? 0)
    const second = npmStart({ PORT: '0', STATE })
    expect(await exitCode(second)).toBe(1)
    const named = /another registry, process (\d+), uses the folder/.exec(second.output())?.[1]
    expect(children.map(({ pid }) => pid)).toContain(Number(named))
    expect((await fetch(new URL('/v2/', url))).status).toBe(200)

    // What ends without a goodbye leaves no lock behind, and no runtime that goes on serving.
    process.kill(Number(named), 'SIGKILL')
    await eventually(() => !children.some(isRunning), 'the end of all processes')
    const third = npmStart({ PORT: '0', STATE })
    expect((await fetch(new URL('/v2/', await ready(third)))).status).toBe(200)
  })

  it('ends with an error if the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' ? `${address?.port}` : ''
    const run = npmStart({ PORT: port, STATE: temporaryFolder() })
    expect(await exitCode(run)).toBe(1)
    expect(run.output()).toContain(`port ${port}`)
    expect(run.output()).toContain('PORT=')
    other.close()
  })
})
