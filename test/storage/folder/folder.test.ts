/** A registry on a storage folder: what differs from one on R2. */
import { expect, it } from 'vitest'
import { bindings, pushBlob, randomBytes, send } from '../../support/registry.ts'

it('sends large blobs itself, because they are not in the bucket of BLOB_REDIRECT', async () => {
  const { digest } = await pushBlob('folder/app', randomBytes(2 * 1024 * 1024))
  const environment = {
    ...bindings,
    BLOB_REDIRECT: 'https://blobs.example.com',
    BLOB_REDIRECT_MIN_MIB: '1',
  }
  const response = await send('GET', `/v2/folder/app/blobs/${digest}`, {}, environment)
  expect(response.status).toBe(200)
  expect((await response.arrayBuffer()).byteLength).toBe(2 * 1024 * 1024)
})

it('keeps nothing in the edge cache', async () => {
  const { digest } = await pushBlob('folder/app', randomBytes(1000))
  for (let pull = 0; pull < 3; pull++) {
    const response = await send('GET', `/v2/folder/app/blobs/${digest}`)
    expect(response.headers.get('Server-Timing')).not.toContain('cache')
    await response.arrayBuffer()
  }
})
