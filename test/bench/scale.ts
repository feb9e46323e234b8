/**
 * `npm run bench:scale`: whether requests get slower as the database grows. One Berth for each size, filled beforehand
 * (scale-fill.ts); all are measured in turns, and each size's times are given as a multiple of the smallest's.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  COMMON_OPTIONS,
  type CommonOptions,
  commonUsage,
  orUsage,
  readCommon,
  readNumbers,
} from './command-line.ts'
import { measure } from './measure.ts'
import { RegistryClient } from './registry-client.ts'
import { asJson, asTable, failuresOf } from './report.ts'
import type { Row } from './row.ts'
import { fill, MANY } from './scale-fill.ts'
import { type Filled, LARGEST, nameOf, SCALE_ROWS, SMALLEST } from './scale-rows.ts'
import { startServer } from './server-process.ts'
import type { Subject } from './subjects.ts'

const USAGE = `npm run bench:scale -- [--json] [--only ROW,ROW] [--runs N] [--sizes SIZE,SIZE]
${commonUsage(SCALE_ROWS)}
  SIZE  manifests and tags, ${SMALLEST} to ${LARGEST}; 1000,10000,100000,1000000 where it is left out. A million takes minutes and 8 GB`

interface Options extends CommonOptions<Row<Filled>> {
  sizes: readonly number[]
}

const options = orUsage(USAGE, readOptions)
const folder = await mkdtemp(join(tmpdir(), 'berth-scale-'))
const servers = new AsyncDisposableStack()
try {
  const subjects: Subject<Row<Filled>>[] = []
  const empty = await migratedState(join(folder, 'empty'))
  for (const size of options.sizes) {
    const url = await filledServer(empty, size)
    subjects.push(filledSubject({ registry: new RegistryClient(url, MANY), size }))
  }
  const results = []
  for (const row of options.rows) {
    results.push(await measure(row, subjects, { runs: options.runs ?? row.runs, atOnce: 1 }))
  }
  const [smallest = '', ...larger] = subjects.map(({ name }) => name)
  const ratios = larger.map((of) => ({ of, to: smallest }))
  console.log((options.json ? asJson : asTable)(results, ratios))
  if (failuresOf(results).length > 0) process.exitCode = 1
} finally {
  await servers.disposeAsync()
  await rm(folder, { recursive: true, force: true })
}

function readOptions(args: string[]): Options {
  const sizes = { type: 'string', default: '1000,10000,100000,1000000' } as const
  const { values } = parseArgs({ args, options: { ...COMMON_OPTIONS, sizes } })
  const numbers = readNumbers('--sizes', values.sizes, LARGEST)
  // Less would not fill a page from the middle on.
  if (numbers.some((size) => size < SMALLEST)) throw new Error(`--sizes: ${SMALLEST} at least`)
  return { ...readCommon(values, SCALE_ROWS), sizes: [...new Set(numbers)].sort((a, b) => a - b) }
}

/** The state of a Berth that was started once: it has the schema and nothing in it. */
async function migratedState(state: string): Promise<string> {
  const server = await startServer('berth', state)
  await server.stop()
  return state
}

async function filledServer(empty: string, size: number): Promise<URL> {
  const state = join(folder, String(size))
  await cp(empty, state, { recursive: true })
  const start = performance.now()
  fill(state, size)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.error(`${nameOf(size)} manifests and tags: filled in ${seconds} s`)
  const server = await startServer('berth', state)
  servers.defer(() => server.stop())
  return server.url
}

function filledSubject(filled: Filled): Subject<Row<Filled>> {
  return {
    name: nameOf(filled.size),
    setup: async (row) => {
      const prepare = await row.setup(filled)
      return async () => prepare()
    },
  }
}
