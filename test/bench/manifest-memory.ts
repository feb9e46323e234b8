/**
 * How much more memory the push of a manifest takes than that of the same bytes as a blob, at the peak of workerd. Each of the two has
 * a fresh Berth: what a push leaves for the garbage collector would hide the next one's.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SHAPES } from './manifest-shapes.ts'
import { findWorkerd, memoryOf } from './process-memory.ts'
import { MANIFEST_TYPE, RegistryClient, sha256 } from './registry-client.ts'
import { startServer } from './server-process.ts'
import { formatTable } from './table.ts'

const REPOSITORY = 'bench/manifests'
const MIB = 1024 * 1024

/** Bytes that a manifest may take more than a blob, at its peak. */
const BAR = 32 * MIB

export interface MeasuredShape {
  shape: string
  /** Bytes: the peak with blobs, and with manifests. */
  blobs: number
  manifests: number
  blobMs: number
  manifestMs: number
  isMet: boolean
}

export async function measureManifests(): Promise<MeasuredShape[]> {
  const measured: MeasuredShape[] = []
  for (const shape of Object.keys(SHAPES)) {
    const blobs = await measure(shape, 'blob')
    const manifests = await measure(shape, 'manifest')
    measured.push({
      shape,
      blobs: blobs.peak,
      manifests: manifests.peak,
      blobMs: blobs.ms,
      manifestMs: manifests.ms,
      isMet: manifests.peak - blobs.peak <= BAR,
    })
  }
  return measured
}

async function measure(
  name: string,
  as: 'blob' | 'manifest',
): Promise<{ peak: number; ms: number }> {
  const shape = SHAPES[name]
  if (shape === undefined) throw new Error(`no shape ${name}`)
  const state = await mkdtemp(join(tmpdir(), 'berth-manifests-'))
  try {
    const server = await startServer('berth', state)
    try {
      const client = new RegistryClient(server.url, REPOSITORY)
      const bytes = Buffer.from('{}')
      const config = { mediaType: 'application/json', digest: sha256(bytes), size: bytes.length }
      await client.pushSingle(config.digest, [bytes], bytes.length)
      const body = shape.make(config, randomUUID())
      const start = performance.now()
      if (as === 'blob') await client.pushSingle(sha256(body), [body], body.length)
      else {
        const path = `/v2/${REPOSITORY}/manifests/latest`
        const headers = { 'content-type': MANIFEST_TYPE }
        const outgoing = { headers, body: [body], length: body.length }
        await client.http.expect(shape.taken ? 201 : 400, 'PUT', path, outgoing)
      }
      const ms = performance.now() - start
      return { peak: memoryOf(findWorkerd(server.pid)).peak, ms }
    } finally {
      await server.stop()
    }
  } finally {
    await rm(state, { recursive: true, force: true })
  }
}

export function manifestTable(measured: readonly MeasuredShape[]): string {
  const header = ['4 MiB of', 'blob MiB', 'manifest MiB', 'more', 'bar', 'blob ms', 'ms', '']
  const mebibytes = (bytes: number) => (bytes / MIB).toFixed(0)
  return formatTable(
    header,
    measured.map(({ shape, blobs, manifests, blobMs, manifestMs, isMet }) => [
      shape,
      mebibytes(blobs),
      mebibytes(manifests),
      mebibytes(manifests - blobs),
      mebibytes(BAR),
      blobMs.toFixed(0),
      manifestMs.toFixed(0),
      isMet ? 'met' : 'missed',
    ]),
  )
}
