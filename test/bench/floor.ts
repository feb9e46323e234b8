/** Runs the floor Worker in Miniflare as the local server runs Berth: same runtime, same simulators, state on the same disk. */
import { join } from 'node:path'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { HttpClient } from './http.ts'
import type { RunningServer } from './server-process.ts'

const ANSWER = 1024

export class FloorClient {
  readonly #http: HttpClient
  constructor(base: URL) {
    this.#http = new HttpClient(base)
  }

  async createSchema(): Promise<void> {
    await this.#http.expect(201, 'POST', '/schema', { length: 0 })
    await this.putRow('answer', Buffer.alloc(ANSWER, 'x'))
  }

  async putBlob(
    key: string,
    digest: string,
    body: Iterable<Buffer>,
    length: number,
  ): Promise<void> {
    const path = `/blob/${key}?sha256=${digest.replace('sha256:', '')}`
    await this.#http.expect(201, 'PUT', path, { body, length })
  }

  async getBlob(key: string, size: number): Promise<void> {
    await this.#http.fetchBody(`/blob/${key}`, size)
  }

  async putRow(key: string, value: Buffer): Promise<void> {
    await this.#http.expect(201, 'PUT', `/row/${key}`, { body: [value], length: value.length })
  }

  /** One D1 query and an answer of 1 KiB. */
  async getRow(): Promise<void> {
    await this.#http.fetchBody('/row/answer', ANSWER)
  }
}

/** @param state an empty folder for its R2 and D1 state */
export async function startFloor(state: string): Promise<RunningServer> {
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, 'floor-worker.ts')],
    bundle: true,
    format: 'esm',
    write: false,
  })
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    resourcePersistencePath: state,
    telemetry: { enabled: false },
    workers: [
      {
        config: {
          name: 'floor',
          compatibilityDate: '2026-11-01',
          manifest: {
            mainModule: 'floor.js',
            modules: { 'floor.js': { type: 'esm', contents: bundle.outputFiles[0]?.text ?? '' } },
          },
          env: { BUCKET: { type: 'r2', name: 'floor' }, DB: { type: 'd1', id: 'floor' } },
        },
      },
    ],
  })
  return { url: await miniflare.ready, stop: () => miniflare.dispose() }
}
