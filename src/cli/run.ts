/** Runs a registry in the foreground, and stops it with its terminal. */
import { readCommand, USAGE } from './command-line.ts'
import { findAccess, greeting } from './greeting.ts'
import { type LocalRegistry, startLocal } from './local.ts'
import { LogLines } from './log-lines.ts'

const PARENT_CHECK_MS = 200

/** @throws if the registry does not start, or would serve nobody; the message is for the user */
export async function run(): Promise<void> {
  const command = await readCommand()
  if (command === null) {
    console.log(USAGE)
    return
  }
  const log = new LogLines(process.stdout.isTTY)
  const registry = await startLocal({
    ...command,
    onBuild: () => console.log('building the Worker, once for each version of its sources …'),
    onLog: log.take,
  })
  stopWith(registry)
  const access = await findAccess(registry.url, command)
  if (access.problem === null) console.log(greeting(registry.url, command, access))
  log.release(access.requestId)
  if (access.problem !== null) {
    await registry.stop()
    throw new Error(access.problem)
  }
}

/** Stops on the signals of a terminal and of a process manager, and when npm ends. */
function stopWith(registry: LocalRegistry): void {
  let stopping: Promise<void> | undefined
  const stop = async () => {
    stopping ??= registry.stop()
    await stopping
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  // npm passes SIGTERM only to its shell, which ends and leaves this process running.
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && stop(), PARENT_CHECK_MS).unref()
}
