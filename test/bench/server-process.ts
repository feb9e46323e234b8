/**
 * Starts a server to be measured in a process of its own: what it logs and what Miniflare does beside workerd then takes
 * nothing from the client, and its workerd is told from others.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** `berth-auth` is a Berth that asks for a login, `berth-folder` one with a storage folder. */
export type ServerKind = 'berth' | 'berth-auth' | 'berth-folder' | 'floor'

export interface RunningServer {
  url: URL
  stop(): Promise<void>
}

export interface ServerProcess extends RunningServer {
  /** Of the Node process that started workerd. */
  pid: number
}

/** Milliseconds to bundle, migrate and start on a busy machine. */
const START_TIMEOUT = 60_000
const STOP_TIMEOUT = 10_000

/**
 * @param state an empty folder, or one that does not exist yet
 * @throws {Error} when it does not serve within a minute; its standard error tells why
 */
export async function startServer(kind: ServerKind, state: string): Promise<ServerProcess> {
  const child = fork(join(import.meta.dirname, 'serve.ts'), [kind, state], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    const url = await firstMessage(child)
    return { url, pid: child.pid ?? 0, stop: () => stop(child) }
  } catch (error) {
    await stop(child)
    throw new Error(`${kind} did not start`, { cause: error })
  }
}

async function firstMessage(child: ChildProcess): Promise<URL> {
  const signal = AbortSignal.timeout(START_TIMEOUT)
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`it exited with ${code}`)
  })
  const [message] = await Promise.race([once(child, 'message', { signal }), ended])
  const url: unknown = typeof message === 'object' && message !== null ? message.url : undefined
  if (typeof url !== 'string') throw new Error('it sent no URL')
  // From now on an exit shows in the requests that fail.
  ended.catch(() => {})
  return new URL(url)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT)
  if (child.connected) child.disconnect()
  await exited
  clearTimeout(timer)
}
