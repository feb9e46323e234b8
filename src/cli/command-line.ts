/** What `npm start` is asked to do: its arguments, the environment, and `.dev.vars`. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs, parseEnv } from 'node:util'
import { isSettingName, misspeltSetting, SETTING_ROWS } from '../http/middleware/setting-names.ts'
import { ROOT } from './root.ts'

export const USAGE = `usage: npm start -- [--storage dir] [--var NAME:value ...]
  PORT=5001 npm start     listens on another port (0: any free one)
  HOST=0.0.0.0 npm start  listens on other addresses than 127.0.0.1
  STATE=dir npm start     stores everything in dir instead of .wrangler/state
  --storage dir           stores the bytes of blobs as files in dir, instead of the embedded R2
  --var NAME:value        sets a variable (src/docs/configuration.md lists them)
  --help                  prints this
Variables may also stand in the environment, as NAME=value npm start, or in the file .dev.vars.`

export interface StartCommand {
  host: string
  port: number
  state: string
  storage?: string | undefined
  /** Those of `--var`, then those of the environment, then those of `.dev.vars`. */
  vars: Record<string, string>
}

/**
 * Null if only the usage is wanted.
 * @throws if an argument or a variable is not valid; the message is for the user
 */
export async function readCommand(): Promise<StartCommand | null> {
  const { help, storage, var: pairs = [] } = parseArguments()
  if (help) return null
  const { HOST, PORT, STATE } = process.env
  return {
    host: HOST || '127.0.0.1',
    port: readPort(PORT ?? '5000'),
    state: STATE || join(ROOT, '.wrangler/state'),
    storage,
    vars: {
      ...(await readDevVars(join(ROOT, '.dev.vars'))),
      ...readEnvironment(process.env),
      ...readVariables(pairs),
    },
  }
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

/** A password in the environment stands neither in the list of processes nor in the log of npm. */
function readEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  for (const name of Object.keys(environment)) {
    const meant = misspeltSetting(name)
    // Only a warning: the environment has names of other programs.
    if (meant !== null) console.error(`there is no variable ${name}: did you mean ${meant}?`)
  }
  const vars: Record<string, string> = {}
  for (const name of SETTING_ROWS.keys()) {
    const value = environment[name]
    if (value !== undefined) vars[name] = value
  }
  return vars
}

/** The variables of the file that `wrangler dev` reads too. None if the file does not exist. */
export async function readDevVars(path: string): Promise<Record<string, string>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (Reflect.get(Object(error), 'code') === 'ENOENT') return ''
    throw error
  })
  // Lines of other names may belong to a value in quotes, such as that of HTPASSWD.
  const unset = [...text.matchAll(/^\s*(\w+)\s*(?::|$)/gm)].find(([, name = '']) => isMeant(name))
  if (unset !== undefined) {
    throw new Error(`in .dev.vars, a line has no "=": write ${unset[1]}=value`)
  }
  const vars: Record<string, string> = {}
  for (const [name, value = ''] of Object.entries(parseEnv(text))) {
    checkName(name, 'in .dev.vars, ')
    // The example that is copied has a line without a value: whoever forgets it would get a registry without logins.
    if (value === '')
      throw new Error(`in .dev.vars, ${name} has no value: remove the line or add one`)
    vars[name] = value
  }
  return vars
}

function isMeant(name: string): boolean {
  return isSettingName(name) || misspeltSetting(name) !== null
}

function checkName(name: string, where = ''): void {
  if (isSettingName(name)) return
  const meant = misspeltSetting(name)
  const advice = ['PORT', 'HOST', 'STATE'].includes(name)
    ? `it is set like this: ${name}=… npm start`
    : meant === null
      ? 'src/docs/configuration.md lists all variables'
      : `did you mean ${meant}?`
  throw new Error(`${where}there is no variable ${name}: ${advice}`)
}

function parseArguments() {
  try {
    const { values } = parseArgs({
      options: {
        storage: { type: 'string' },
        var: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    })
    return values
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
  }
}
