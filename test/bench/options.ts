/** The command line of `npm run bench` and `npm run bench:peers`. */
import { parseArgs } from 'node:util'
import {
  COMMON_OPTIONS,
  type CommonOptions,
  commonUsage,
  readCommon,
  readNumbers,
} from './command-line.ts'
import type { Credentials } from './registry-client.ts'
import { ROWS } from './rows.ts'
import {
  BERTH,
  BERTH_AUTH,
  BERTH_FOLDER,
  DOCKER_REGISTRY,
  FLOOR,
  type FlooredRow,
} from './subjects.ts'

export interface Peer {
  name: string
  url: URL
  credentials?: Credentials
}

export interface Options extends CommonOptions<FlooredRow> {
  /** Whether a Berth that asks for a login does the same work beside the open one. */
  auth: boolean
  /** Whether a Berth with a storage folder does the same work beside the one with R2. */
  folder: boolean
  /** How many operations are under way at a time in the rows of small requests, one after the other. */
  concurrency: readonly number[]
  peers: readonly Peer[]
}

const MOST_AT_ONCE = 256
const RESERVED = [FLOOR, BERTH, BERTH_AUTH, BERTH_FOLDER, DOCKER_REGISTRY]

export const USAGE = `npm run bench[:peers] -- [--json] [--auth] [--folder] [--only ROW,ROW] [--runs N] [--concurrency C,C] [--peer NAME=URL]...
${commonUsage(ROWS)}
  C     small operations at once, 1,8,32 where it is left out
  URL   http://host:port or user:password@http://host:port; what is pushed there (some 4 GB) stays there`

/** @throws {Error} for anything that is not understood */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      ...COMMON_OPTIONS,
      auth: { type: 'boolean', default: false },
      folder: { type: 'boolean', default: false },
      concurrency: { type: 'string', default: '1,8,32' },
      peer: { type: 'string', multiple: true, default: [] },
    },
  })
  return {
    ...readCommon(values, ROWS),
    auth: values.auth,
    folder: values.folder,
    concurrency: readNumbers('--concurrency', values.concurrency, MOST_AT_ONCE),
    peers: values.peer.map(readPeer),
  }
}

function readPeer(text: string): Peer {
  const [, name, user, password, url = ''] =
    /^([\w.-]+)=(?:([^:@/]+):(.*)@)?(https?:\/\/.+)$/.exec(text) ?? []
  if (name === undefined || RESERVED.includes(name) || !URL.canParse(url)) {
    throw new Error(`--peer ${text}: not NAME=URL`)
  }
  const peer = { name, url: new URL(url) }
  return user === undefined || password === undefined
    ? peer
    : { ...peer, credentials: { user, password } }
}
