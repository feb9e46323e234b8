/** `npm start`: a registry on http://localhost:5000 with everything embedded. Its content is kept in `.wrangler/` across restarts. */
import { parseArgs } from 'node:util'
import { isSettingName, misspeltSetting } from '../http/middleware/setting-names.ts'
import { type LocalRegistry, startLocal } from './local.ts'

const USAGE = `usage: npm start -- [--var NAME:value ...]
  PORT=5001 npm start   listens on another port (0: any free one)
  STATE=dir npm start   stores everything in dir instead of .wrangler/state
  --var NAME:value      sets a variable (listed in README.md, "Configuration")
  --help                prints this`

const HOW_TO_SET = 'Variables are set with: npm start -- --var NAME:value'

const PARENT_CHECK_MS = 200

try {
  await start()
} catch (error) {
  console.error(`berth did not start: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}

async function start(): Promise<void> {
  const { help, var: pairs = [] } = parseArguments()
  if (help) {
    console.log(USAGE)
    return
  }
  const port = readPort(process.env.PORT ?? '5000')
  const vars = readVariables(pairs)
  const registry = await startLocal({ port, state: process.env.STATE ?? '.wrangler/state', vars })
  const access = await accessOf(registry, vars.PUBLIC_URL)
  const host = `localhost:${registry.url.port}`
  console.log(`Berth listens on http://${host}, ${access}.

  docker pull hello-world
  docker tag hello-world ${host}/hello
  docker push ${host}/hello
  docker pull ${host}/hello
`)
  stopWith(registry)
}

/**
 * Who may use the registry, according to its answer.
 * @throws if it serves nobody because a setting is missing; the message names the setting
 */
async function accessOf(registry: LocalRegistry, publicUrl: string | undefined): Promise<string> {
  const prefix = URL.parse(publicUrl ?? '')?.pathname.replace(/\/+$/, '') ?? ''
  // Built as text: in a URL, a path that begins with two slashes would name another host. PUBLIC_URL may not have such a path.
  const answer = await fetch(`${registry.url.origin}${prefix}/v2/`)
  if (answer.status === 503) {
    const { errors }: { errors: { message: string }[] } = await answer.json()
    await registry.stop()
    const problems = errors.map(({ message }) => message).join('; ')
    throw new Error(`${problems}\n${HOW_TO_SET}`)
  }
  return answer.status === 200 ? 'open to everybody on this machine' : 'for those who log in'
}

function readPort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new Error(`PORT takes a number from 0 to 65535, not "${text}"`)
}

/** `--var NAME:value`, the syntax of `wrangler dev`. */
function readVariables(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const colon = pair.indexOf(':')
      if (colon < 1) throw new Error(`--var takes NAME:value, not "${pair}"\n${USAGE}`)
      const name = pair.slice(0, colon)
      checkName(name)
      return [name, pair.slice(colon + 1)]
    }),
  )
}

function checkName(name: string): void {
  if (isSettingName(name)) return
  const meant = misspeltSetting(name)
  const advice = meant === null ? 'README.md lists all variables' : `did you mean ${meant}?`
  throw new Error(`there is no variable ${name}: ${advice}`)
}

function parseArguments() {
  try {
    const { values } = parseArgs({
      options: {
        var: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    })
    return values
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
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
