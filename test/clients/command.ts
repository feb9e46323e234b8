/**
 * Runs other programs: one command to its end, or a daemon until it is stopped. Each gets a process group of its own, so that
 * a timeout, a failing test or an interrupted run ends everything it started and nothing else.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RunOptions {
  /** Added to the environment of this process. */
  env?: Record<string, string>
  cwd?: string
  /** A file that becomes the command's standard input. */
  stdin?: string
  /** Milliseconds until the command is killed and counts as failed. */
  timeout?: number
}

export interface Output {
  stdout: string
  stderr: string
}

type Value = string | number | readonly string[]
type Template = (text: TemplateStringsArray, ...values: readonly Value[]) => Promise<Output>

const DEFAULT_TIMEOUT = 120_000
const GRACE_BEFORE_KILL = 15_000

/** Process groups that are still ours to end, by the id of their leader. */
const running = new Set<number>()

process.once('exit', () => {
  for (const id of running) signalGroup(id, 'SIGKILL')
})

/** Makes an interrupt or a request to terminate end this process, and with it everything it runs. */
export function exitOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
}

/**
 * Runs a command written as one line: `` await $`skopeo copy oci:${dir} docker://${reference}` ``. The text is split at white
 * space; a value is never split, so no quoting is needed, and an array gives a word for each element. No shell is involved.
 * @throws {Error} with the command line and the end of its output when it exits non-zero, cannot start or takes too long
 */
export const $: Template = $with({})

/** `$` with an environment, a working folder, standard input or a timeout of its own. */
export function $with(options: RunOptions): Template {
  return (text, ...values) => run(words(text, values), options)
}

function words(text: TemplateStringsArray, values: readonly Value[]): string[] {
  const result: string[] = []
  let word: string | undefined
  text.forEach((literal, index) => {
    const [head = '', ...rest] = literal.split(/\s+/)
    if (head !== '' || word !== undefined) word = (word ?? '') + head
    for (const next of rest) {
      if (word !== undefined) result.push(word)
      word = next === '' ? undefined : next
    }
    const value = values[index]
    if (Array.isArray(value)) result.push(...value)
    else if (value !== undefined) word = (word ?? '') + String(value)
  })
  if (word !== undefined) result.push(word)
  return result
}

async function run(argv: readonly string[], options: RunOptions): Promise<Output> {
  const [program = '', ...args] = argv
  const line = argv.join(' ')
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  if (child.pid !== undefined) running.add(child.pid)
  if (options.stdin !== undefined && child.stdin !== null) {
    // A command that fails early closes its input; its exit code and output are the error to report.
    child.stdin.on('error', () => {})
    createReadStream(options.stdin).pipe(child.stdin)
  }
  const output: Output = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))

  const timeout = options.timeout ?? DEFAULT_TIMEOUT
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL')
  }, timeout)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (timedOut) throw new Error(`no end after ${timeout / 1000} s`)
    if (code !== 0) throw new Error(`exit code ${code}`)
    return output
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const said = `${output.stdout.slice(-2000)}\n${output.stderr.slice(-4000)}`.trim()
    throw new Error(`${reason}: ${line}\n${said}`)
  } finally {
    clearTimeout(timer)
    if (child.pid !== undefined) running.delete(child.pid)
  }
}

export interface Daemon {
  /** Ends the daemon and everything it started, and waits until it is gone. */
  stop(): Promise<void>
}

/**
 * Starts a daemon and waits until `ready` resolves to true (it is asked every 100 ms; a rejection means not yet).
 * @param log file that takes the daemon's output; its end is part of the error when the daemon does not become ready
 * @throws {Error} when the daemon exits first or is not ready in time
 */
export async function startDaemon(
  argv: readonly string[],
  log: string,
  ready: () => Promise<boolean>,
  options: RunOptions = {},
): Promise<Daemon> {
  const [program = '', ...args] = argv
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let failure = ''
  child.once('error', (error) => (failure = error.message))
  child.once('exit', (code, signal) => (failure ||= `it ended with ${code ?? signal}`))
  const sink = createWriteStream(log)
  child.stdout.pipe(sink, { end: false })
  child.stderr.pipe(sink, { end: false })
  if (child.pid !== undefined) running.add(child.pid)

  const deadline = Date.now() + (options.timeout ?? 60_000)
  while (!(await ready().catch(() => false))) {
    if (Date.now() > deadline) failure ||= 'it was not ready in time'
    if (failure !== '') {
      await stopGroup(child)
      throw new Error(`${argv.join(' ')}: ${failure}\n${readFileSync(log, 'utf8').slice(-4000)}`)
    }
    await sleep(100)
  }
  return {
    stop: async () => {
      await stopGroup(child)
      sink.end()
    },
  }
}

/** Asks a process and all of its group to end, insists after a while, and waits until they are gone. */
export async function stopGroup(leader: ChildProcess): Promise<void> {
  const id = leader.pid
  if (id === undefined) return
  signalGroup(id, 'SIGTERM')
  const deadline = Date.now() + GRACE_BEFORE_KILL
  while (signalGroup(id, 0)) {
    if (Date.now() > deadline) signalGroup(id, 'SIGKILL')
    await sleep(50)
  }
  running.delete(id)
}

/** Sends a signal to a process group; false when the group is gone. */
function signalGroup(id: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-id, signal)
    return true
  } catch {
    return false
  }
}
