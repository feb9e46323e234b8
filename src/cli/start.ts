/** `npm start`: a registry on http://localhost:5000, with everything embedded, kept in `.wrangler/` over restarts. */
import { parseArgs } from 'node:util'
import { type LocalRegistry, startLocal } from './local.ts'

const USAGE = `usage: npm start -- [--var KEY:VALUE ...]
  PORT=5001 npm start   listens on another port
  STATE=dir npm start   keeps what is pushed in another folder than .wrangler/state`

try {
  await start()
} catch (error) {
  console.error(`berth did not start: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}

async function start(): Promise<void> {
  const registry = await startLocal({
    port: readPort(process.env.PORT ?? '5000'),
    state: process.env.STATE ?? '.wrangler/state',
    vars: readVariables(),
  })
  const host = `localhost:${registry.url.port}`
  console.log(`Berth listens on http://${host}, open to everybody on this machine.

  docker pull hello-world
  docker tag hello-world ${host}/hello
  docker push ${host}/hello
  docker pull ${host}/hello
`)
  stopOnSignal(registry)
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

function stopOnSignal(registry: LocalRegistry): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await registry.stop()
      process.exit(0)
    })
  }
}
