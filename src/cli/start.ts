/** `npm start`: a registry on http://localhost:5000, with everything embedded, kept in `.wrangler/` over restarts. */
import { parseArgs } from 'node:util'
import { type LocalRegistry, startLocal } from './local.ts'

const USAGE = `usage: npm start -- [--var KEY:VALUE ...]
  PORT=5001 npm start   listens on another port (0: any free one)
  STATE=dir npm start   keeps what is pushed in another folder than .wrangler/state`

const PARENT_CHECK_MS = 200

try {
  await start()
} catch (error) {
  console.error(`berth did not start: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}

async function start(): Promise<void> {
  const port = readPort(process.env.PORT ?? '5000')
  const vars = readVariables()
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
 * Who may use the registry, as it says itself.
 * @throws where it serves nobody: it was not given what it needs, and says what that is
 */
async function accessOf(registry: LocalRegistry, publicUrl: string | undefined): Promise<string> {
  const prefix = URL.parse(publicUrl ?? '')?.pathname.replace(/\/+$/, '') ?? ''
  const answer = await fetch(new URL(`${prefix}/v2/`, registry.url))
  if (answer.status === 503) {
    const { errors }: { errors: { message: string }[] } = await answer.json()
    await registry.stop()
    throw new Error(errors.map(({ message }) => message).join('; '))
  }
  return answer.status === 200 ? 'open to everybody on this machine' : 'for those who log in'
}

function readPort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new Error(`PORT takes a number from 0 to 65535, not "${text}"`)
}

/** `--var KEY:VALUE`, as `wrangler dev` takes them. */
function readVariables(): Record<string, string> {
  const { values } = parse()
  return Object.fromEntries(
    (values.var ?? []).map((pair) => {
      const colon = pair.indexOf(':')
      if (colon < 1) throw new Error(`--var takes KEY:VALUE, not "${pair}"\n${USAGE}`)
      return [pair.slice(0, colon), pair.slice(colon + 1)]
    }),
  )
}

function parse() {
  try {
    return parseArgs({ options: { var: { type: 'string', multiple: true } } })
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
  }
}

/** Stops with the signals of a terminal and of a process manager, and with npm. */
function stopWith(registry: LocalRegistry): void {
  let stopping: Promise<void> | undefined
  const stop = async () => {
    stopping ??= registry.stop()
    await stopping
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  // npm passes SIGTERM on to its shell only, which ends and leaves this process behind.
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && stop(), PARENT_CHECK_MS).unref()
}
