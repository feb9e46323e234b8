/**
 * `npm run bench:s3`: what a push of 64 MB costs that Berth stores in an S3 server on this machine, against a bare multipart upload of
 * the same bytes by the same library to the same server: parts of 5 MiB, three at a time, without a registry. Node uploads them from
 * memory, and a Worker as they come from a client, which is what a registry on Workers can do at best. All take turns.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { startLocal } from '../../src/cli/local.ts'
import { freePort, s3Vars, startS3Server } from '../storage/s3-server.ts'
import { bareUpload, PART_BYTES, type S3Vars } from './bare-upload.ts'
import { type Blob, largeBlob } from './blobs.ts'
import { orUsage } from './command-line.ts'
import { HttpClient, slices } from './http.ts'
import { RegistryClient } from './registry-client.ts'
import { median } from './stats.ts'
import { formatTable, milliseconds, ratio } from './table.ts'

const RUNS = 9
const FLOOR = 'bare multipart, Worker'

/** The most that a streamed push may take, as a multiple of the Worker's bare upload. */
const BAR = 1.2

const runs = orUsage('npm run bench:s3 -- [RUNS]', ([text = String(RUNS)]) => {
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  throw new Error(`${text}: not a number from 1 to 99`)
})

const port = await freePort()
const server = await startS3Server(port)
const state = await mkdtemp(join(tmpdir(), 'berth-bench-s3-'))
try {
  const vars = s3Vars(port)
  const berth = await startLocal({ state, vars: { ...vars, LOG_REQUESTS: 'false' } })
  const floor = await startFloorWorker()
  try {
    await measure(vars, new HttpClient(floor.url), new RegistryClient(berth.url, 'bench/s3'))
  } finally {
    await floor.stop()
    await berth.stop()
  }
} finally {
  await server.stop()
  await rm(state, { recursive: true, force: true })
}

async function measure(vars: S3Vars, floor: HttpClient, registry: RegistryClient): Promise<void> {
  const headers = { S3: JSON.stringify(vars) }
  const ways: Record<string, (blob: Blob) => Promise<unknown>> = {
    'bare multipart, Node': ({ bytes, digest }) => bareUpload(vars, digest, partsOf(bytes)),
    [FLOOR]: ({ bytes, digest }) =>
      floor.expect(201, 'PUT', `/${digest}`, { headers, body: slices(bytes) }),
    'push, streamed': ({ bytes, digest }) => registry.pushStreamed(digest, slices(bytes)),
    'push, in one request': ({ bytes, digest, size }) =>
      registry.pushSingle(digest, slices(bytes), size),
  }
  const times = new Map(Object.keys(ways).map((way) => [way, Array.of<number>()]))
  // The first one pays for connections and just-in-time compilation.
  for (let run = 0; run <= runs; run++) {
    for (const [way, push] of Object.entries(ways)) {
      const blob = largeBlob()
      const start = performance.now()
      await push(blob)
      if (run > 0) times.get(way)?.push(performance.now() - start)
    }
  }
  report(times)
}

function report(times: ReadonlyMap<string, number[]>): void {
  const floor = median(times.get(FLOOR) ?? [])
  const rows = [...times].map(([way, samples]) => {
    const middle = median(samples)
    const [least, most] = [Math.min(...samples), Math.max(...samples)]
    return [way, ...[middle, least, most].map(milliseconds), ratio(middle / floor)]
  })
  console.log(formatTable(['64 MB to S3', 'median ms', 'least', 'most', 'ratio'], rows))
  const streamed = median(times.get('push, streamed') ?? []) / floor
  if (streamed > BAR) process.exitCode = 1
}

/** The parts of a blob in memory. */
function* partsOf(bytes: Buffer): Iterable<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    yield new Uint8Array(bytes.subarray(at, at + PART_BYTES))
  }
}

/** A Worker that does nothing but the bare upload. */
async function startFloorWorker(): Promise<{ url: URL; stop(): Promise<void> }> {
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, 's3-floor-worker.ts')],
    bundle: true,
    format: 'esm',
    write: false,
  })
  const contents = bundle.outputFiles[0]?.text ?? ''
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    telemetry: { enabled: false },
    workers: [
      {
        config: {
          name: 'floor',
          compatibilityDate: '2026-11-01',
          manifest: { mainModule: 'floor.js', modules: { 'floor.js': { type: 'esm', contents } } },
        },
      },
    ],
  })
  return { url: await miniflare.ready, stop: () => miniflare.dispose() }
}
