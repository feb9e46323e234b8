/** That the tests of the real clients can fail: a client that keeps to the first Location is found out. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { digestOf } from './content.ts'
import { uploadsOf } from './locations.ts'
import { scratchFor } from './scratch.ts'

suite('locations', () => {
  const scratch = scratchFor('locations')

  /** Sends a blob in two chunks; `follow` decides where a request goes, of the first Location and the last. */
  async function push(host: string, follow: (first: string, last: string) => string) {
    const send = async (
      url: string,
      method: string,
      body: Uint8Array<ArrayBuffer> | null = null,
    ) => {
      const response = await fetch(url, { method, body })
      assert.ok(response.ok, `${method} ${url}: ${response.status} ${await response.text()}`)
      return new URL(response.headers.get('location') ?? '', url).href
    }
    const chunks = [1, 2].map(() => crypto.getRandomValues(new Uint8Array(1000)))
    const first = await send(`http://${host}/v2/${scratch.path('blob')}/blobs/uploads/`, 'POST')
    let last = first
    for (const chunk of chunks) last = await send(follow(first, last), 'PATCH', chunk)
    const end = new URL(follow(first, last))
    end.searchParams.set('digest', digestOf(Buffer.concat(chunks)))
    await send(end.href, 'PUT')
  }

  test('a client that follows each Location passes', async () => {
    const uploads = await uploadsOf(scratch.host, (host) => push(host, (_, last) => last))
    assert.deepEqual(uploads, ['POST PATCH PATCH PUT'])
  })

  test('a client that keeps to the first Location fails', async () => {
    await assert.rejects(
      uploadsOf(scratch.host, (host) => push(host, (first) => first)),
      /no answer before it had this Location/,
    )
  })
})
