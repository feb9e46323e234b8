/**
 * `npm run bench:s3`: what a push of 64 MB costs that Berth stores in an S3 server on this machine, against a bare multipart upload of
 * the same bytes by the same library to the same server: parts of 5 MiB, three at a time, without a registry. Both take turns.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { AwsClient } from 'aws4fetch'
import { startLocal } from '../../src/cli/local.ts'
import { freePort, s3Vars, startS3Server } from '../storage/s3-server.ts'
import { type Blob, largeBlob } from './blobs.ts'
import { orUsage } from './command-line.ts'
import { slices } from './http.ts'
import { RegistryClient } from './registry-client.ts'
import { median } from './stats.ts'
import { formatTable, milliseconds, ratio } from './table.ts'

/** As Berth has them. */
const PART_BYTES = 5 * 1024 * 1024
const IN_FLIGHT = 3

const RUNS = 9

/** The most that a streamed push may take, as a multiple of the bare upload. */
const BAR = 1.2

type Vars = ReturnType<typeof s3Vars>

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
  try {
    await measure(vars, new RegistryClient(berth.url, 'bench/s3'))
  } finally {
    await berth.stop()
  }
} finally {
  await server.stop()
  await rm(state, { recursive: true, force: true })
}

async function measure(vars: Vars, registry: RegistryClient): Promise<void> {
  const ways: Record<string, (blob: Blob) => Promise<unknown>> = {
    'bare multipart': ({ bytes, digest }) => bareUpload(vars, bytes, digest.slice(7)),
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
  const floor = median(times.get('bare multipart') ?? [])
  const rows = [...times].map(([way, samples]) => {
    const middle = median(samples)
    const [least, most] = [Math.min(...samples), Math.max(...samples)]
    return [way, ...[middle, least, most].map(milliseconds), ratio(middle / floor)]
  })
  console.log(formatTable(['64 MB to S3', 'median ms', 'least', 'most', 'ratio'], rows))
  const streamed = median(times.get('push, streamed') ?? []) / floor
  if (streamed > BAR) process.exitCode = 1
}

/** As Berth uploads parts, from memory. */
async function bareUpload(vars: Vars, bytes: Buffer, key: string): Promise<void> {
  const client = new AwsClient({
    accessKeyId: vars.S3_ACCESS_KEY_ID,
    secretAccessKey: vars.S3_SECRET_ACCESS_KEY,
    region: vars.S3_REGION,
    service: 's3',
    retries: 0,
  })
  const url = `${vars.S3_ENDPOINT}/${vars.S3_BUCKET}/bare/${key}`
  const send = async (query: string, init: RequestInit) => {
    const response = await client.fetch(`${url}?${query}`, init)
    const text = await response.text()
    if (!response.ok) throw new Error(`${init.method} ${query}: ${response.status} ${text}`)
    return { text, etag: response.headers.get('etag') ?? '' }
  }
  const { text } = await send('uploads', { method: 'POST' })
  const [, id = ''] = /<UploadId>(.*?)</.exec(text) ?? []
  const etags: string[] = []
  const offsets = Array.from({ length: Math.ceil(bytes.length / PART_BYTES) }, (_, part) => part)
  const write = async () => {
    for (let part = offsets.shift(); part !== undefined; part = offsets.shift()) {
      const body = new Uint8Array(bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES))
      const query = `partNumber=${part + 1}&uploadId=${id}`
      etags[part] = (await send(query, { method: 'PUT', body })).etag
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, write))
  const named = etags.map(
    (etag, part) => `<Part><PartNumber>${part + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
  )
  const body = `<CompleteMultipartUpload>${named.join('')}</CompleteMultipartUpload>`
  await send(`uploadId=${id}`, { method: 'POST', body })
}
