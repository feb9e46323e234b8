/**
 * `npm run bench:memory`: how much memory uploads take, and that it does not grow with the blob; and how much a manifest takes more
 * than a blob (manifest-memory.ts). Each case runs in a fresh Berth
 * and ends with the peak resident set of its workerd process (VmHWM, counted by the kernel). That process holds everything on
 * the server's side: the Worker, the upload Durable Objects, and Miniflare's R2 and D1 simulators; production's isolate holds
 * the first two only. The client, the blobs' generator and Miniflare's Node process are not counted.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FloorClient } from './floor.ts'
import { GeneratedBlob } from './generated-blob.ts'
import { manifestTable, measureManifests } from './manifest-memory.ts'
import { findWorkerd, memoryOf } from './process-memory.ts'
import { RegistryClient } from './registry-client.ts'
import { startServer } from './server-process.ts'
import { formatTable, ratio } from './table.ts'

const REPOSITORY = 'bench/memory'
const MIB = 1024 * 1024
const SAMPLE_EVERY = 100

type Push = (blob: GeneratedBlob, digest: string) => Promise<void>

/** A server, and one way to push a blob to it. */
const WAYS = {
  /** POST, one PATCH with chunked encoding, PUT. */
  streamed: {
    server: 'berth',
    push: (url: URL): Push => pushStreamed(url),
  },
  /** POST, one PUT with Content-Length. */
  single: {
    server: 'berth',
    push: (url: URL): Push => {
      const client = new RegistryClient(url, REPOSITORY)
      return (blob, digest) => client.pushSingle(digest, blob.bytes(), blob.size)
    },
  },
  /** As `streamed`, to a storage folder. */
  folder: {
    server: 'berth-folder',
    push: (url: URL): Push => pushStreamed(url),
  },
  /** The same, but what is counted is the Node process, which keeps the files. */
  'folder-node': {
    server: 'berth-folder',
    push: (url: URL): Push => pushStreamed(url),
  },
  /** A bare Worker's `R2.put`: what the simulator takes by itself. */
  floor: {
    server: 'floor',
    push: (url: URL): Push => {
      const client = new FloorClient(url)
      return (blob, digest) => client.putBlob(randomUUID(), digest, blob.bytes(), blob.size)
    },
  },
} as const

type Way = keyof typeof WAYS

function pushStreamed(url: URL): Push {
  const client = new RegistryClient(url, REPOSITORY)
  return (blob, digest) => client.pushStreamed(digest, blob.bytes())
}

interface Case {
  uploads: number
  /** MiB of each. */
  size: number
}

/** What is compared: the second case's peak may be at most `bar` times the first's. */
const COMPARISONS: readonly { base: Case; grown: Case; bar: number }[] = [
  { base: { uploads: 1, size: 512 }, grown: { uploads: 1, size: 4096 }, bar: 1.15 },
  { base: { uploads: 1, size: 1024 }, grown: { uploads: 5, size: 1024 }, bar: 1.6 },
]

interface Measured extends Case {
  way: Way
  seconds: number
  /** Bytes: resident before the first upload, resident at most, and of that in memory that no file backs (sampled). */
  idle: number
  peak: number
  anonymousPeak: number
  /** Multiple of the base case's peak. */
  ratio?: number
  bar?: number
}

const USAGE = `npm run bench:memory -- [--json] [--only ${Object.keys(WAYS).join('|')}|manifests] [--scale FACTOR]
  FACTOR  of all sizes, from 0.01 to 1`

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    scale: { type: 'string', default: '1' },
  },
})
const scale = Number(values.scale)
if (!(scale >= 0.01 && scale <= 1)) throw new Error(`--scale ${values.scale}\n${USAGE}`)
const ways = (['streamed', 'single', 'folder', 'folder-node', 'floor'] as const).filter(
  (way) => values.only === undefined || values.only === way,
)
const withManifests = values.only === undefined || values.only === 'manifests'
if (ways.length === 0 && !withManifests) throw new Error(`--only ${values.only}\n${USAGE}`)

const results: Measured[] = []
for (const way of ways) {
  for (const { base, grown, bar } of COMPARISONS) {
    const first = await measure(way, base)
    const second = await measure(way, grown)
    results.push(first, { ...second, ratio: second.peak / first.peak, bar })
  }
}
const manifests = withManifests ? await measureManifests() : []
if (values.json) console.log(JSON.stringify({ scale, cases: results, manifests }, null, 2))
else {
  if (results.length > 0) console.log(asTable(results))
  if (manifests.length > 0) console.log(manifestTable(manifests))
}

async function measure(way: Way, { uploads, size }: Case): Promise<Measured> {
  const blobs = Array.from({ length: uploads }, () => {
    const blob = new GeneratedBlob(Math.round(size * scale * MIB))
    return { blob, digest: blob.digest() }
  })
  const state = await mkdtemp(join(tmpdir(), 'berth-memory-'))
  try {
    const server = await startServer(WAYS[way].server, state)
    try {
      const push = WAYS[way].push(server.url)
      const memory = watchMemory(way === 'folder-node' ? server.pid : findWorkerd(server.pid))
      const start = performance.now()
      await Promise.all(blobs.map(({ blob, digest }) => push(blob, digest)))
      const seconds = (performance.now() - start) / 1000
      return { way, uploads, size: size * scale, seconds, ...memory.stop() }
    } finally {
      await server.stop()
    }
  } finally {
    await rm(state, { recursive: true, force: true })
  }
}

function watchMemory(pid: number): { stop(): Pick<Measured, 'idle' | 'peak' | 'anonymousPeak'> } {
  const idle = memoryOf(pid).resident
  let anonymousPeak = 0
  const timer = setInterval(() => {
    anonymousPeak = Math.max(anonymousPeak, memoryOf(pid).anonymous)
  }, SAMPLE_EVERY)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      return { idle, peak: memoryOf(pid).peak, anonymousPeak }
    },
  }
}

function asTable(measured: readonly Measured[]): string {
  const header = ['upload', 'seconds', 'idle MiB', 'peak MiB', 'anonymous MiB', 'ratio', 'bar', '']
  const rows = measured.map((result) => [
    `${result.way}, ${result.uploads} x ${result.size} MiB`,
    result.seconds.toFixed(1),
    mebibytes(result.idle),
    mebibytes(result.peak),
    mebibytes(result.anonymousPeak),
    ...verdict(result),
  ])
  return [
    formatTable(header, rows),
    'Resident memory of one workerd process: Berth, its upload sessions, and the R2 and D1 simulators.',
    'folder-node: of the Node process that keeps the files of a storage folder.',
  ].join('\n')
}

/** @returns the ratio to the row above, its bar, and whether it is met */
function verdict(result: Measured): string[] {
  if (result.ratio === undefined || result.bar === undefined) return []
  const met = result.ratio <= result.bar ? 'met' : 'missed'
  return [ratio(result.ratio), ratio(result.bar), met]
}

function mebibytes(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}
