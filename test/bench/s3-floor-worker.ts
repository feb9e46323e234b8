/** A Worker that uploads the body of a request to S3, and does nothing else. The header `S3` has the settings as JSON. */
import type { ExportedHandler, Response as WorkerResponse } from '@cloudflare/workers-types'
import { bareUpload, PART_BYTES } from './bare-upload.ts'

declare const Response: typeof WorkerResponse

const worker: ExportedHandler = {
  async fetch(request) {
    const reader = request.body?.getReader({ mode: 'byob' })
    async function* parts() {
      for (;;) {
        const read = await reader?.readAtLeast(PART_BYTES, new Uint8Array(PART_BYTES))
        if (read?.value === undefined || read.value.length === 0) return
        yield new Uint8Array(read.value)
        if (read.done) return
      }
    }
    const { pathname } = new URL(request.url)
    await bareUpload(JSON.parse(request.headers.get('S3') ?? ''), pathname.slice(1), parts())
    return new Response(null, { status: 201 })
  },
}

export default worker
