/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util'
import type { Credentials } from './registry-client.ts'
import { ROWS, type Row } from './rows.ts'
import { BERTH, BERTH_AUTH, FLOOR } from './subjects.ts'

export interface Peer {
  name: string
  url: URL
  credentials?: Credentials
}

export interface Options {
  json: boolean
  /** Whether a Berth that asks for a login does the same work beside the open one. */
  auth: boolean
  rows: readonly Row[]
  /** Samples a row; each row has its own number where this is left out. */
  runs?: number
  peers: readonly Peer[]
}

const MOST_RUNS = 1000

export const USAGE = `npm run bench -- [--json] [--auth] [--only ROW,ROW] [--runs N] [--peer NAME=URL]...
  ROW   ${ROWS.map(({ id }) => id).join(' ')}
  URL   http://host:port or user:password@http://host:port; what is pushed there (some 2 GB) stays there`

/** @throws {Error} for anything that is not understood */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      auth: { type: 'boolean', default: false },
      only: { type: 'string' },
      runs: { type: 'string' },
      peer: { type: 'string', multiple: true, default: [] },
    },
  })
  return {
    json: values.json,
    auth: values.auth,
    rows: values.only === undefined ? ROWS : values.only.split(',').map(findRow),
    ...(values.runs === undefined ? {} : { runs: readRuns(values.runs) }),
    peers: values.peer.map(readPeer),
  }
}

function findRow(id: string): Row {
  const row = ROWS.find((candidate) => candidate.id === id)
  if (row === undefined) throw new Error(`--only ${id}: no such row`)
  return row
}

function readRuns(text: string): number {
  const runs = Number(text)
  if (Number.isInteger(runs) && runs >= 1 && runs <= MOST_RUNS) return runs
  throw new Error(`--runs ${text}: not a number from 1 to ${MOST_RUNS}`)
}

function readPeer(text: string): Peer {
  const [, name, user, password, url = ''] =
    /^([\w.-]+)=(?:([^:@/]+):(.*)@)?(https?:\/\/.+)$/.exec(text) ?? []
  if (name === undefined || [FLOOR, BERTH, BERTH_AUTH].includes(name) || !URL.canParse(url)) {
    throw new Error(`--peer ${text}: not NAME=URL`)
  }
  const peer = { name, url: new URL(url) }
  return user === undefined || password === undefined
    ? peer
    : { ...peer, credentials: { user, password } }
}
