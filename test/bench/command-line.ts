/** What the command lines of the benchmarks have in common. */

/** For `parseArgs`. */
export const COMMON_OPTIONS = {
  json: { type: 'boolean', default: false },
  only: { type: 'string' },
  runs: { type: 'string' },
} as const

export interface CommonValues {
  json: boolean
  only?: string | undefined
  runs?: string | undefined
}

export interface CommonOptions<R> {
  json: boolean
  rows: readonly R[]
  /** Samples a row; each row has its own number where this is undefined. */
  runs: number | undefined
}

const MOST_RUNS = 1000

/** How the options of `readCommon` are used, a line each. */
export function commonUsage(rows: readonly { id: string }[]): string {
  return [
    `  ROW   ${rows.map(({ id }) => id).join(' ')}`,
    '  N     samples of each row; --json prints data instead of a table',
  ].join('\n')
}

/** @throws {Error} for a row that there is not, or a number of runs that is none */
export function readCommon<R extends { id: string }>(
  { json, only, runs }: CommonValues,
  rows: readonly R[],
): CommonOptions<R> {
  return {
    json,
    rows: only === undefined ? rows : only.split(',').map((id) => findRow(id, rows)),
    runs: runs === undefined ? undefined : readNumber('--runs', runs, MOST_RUNS),
  }
}

function findRow<R extends { id: string }>(id: string, rows: readonly R[]): R {
  const row = rows.find((candidate) => candidate.id === id)
  if (row === undefined) throw new Error(`--only ${id}: no such row`)
  return row
}

/** @throws {Error} unless all are whole numbers from 1 to `most` */
export function readNumbers(option: string, text: string, most: number): number[] {
  return text.split(',').map((part) => readNumber(option, part, most))
}

function readNumber(option: string, text: string, most: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= 1 && number <= most) return number
  throw new Error(`${option} ${text}: not a whole number from 1 to ${most}`)
}

/** Reads a command line, or says how it is used and ends the process with status 2. */
export function orUsage<T>(usage: string, read: (args: string[]) => T): T {
  try {
    return read(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    process.exit(2)
  }
}
