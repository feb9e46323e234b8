/** How long a large manifest takes to read. */
import { describe, expect, it } from 'vitest'
import { parseManifest } from '../../src/oci/manifest.ts'
import { MEDIA_TYPE_OCI_CONFIG, MEDIA_TYPE_OCI_MANIFEST } from '../../src/oci/media-types.ts'
import { bytes, SHA256 } from './support.ts'

const config = { mediaType: MEDIA_TYPE_OCI_CONFIG, digest: SHA256, size: 2 }
const image = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_MANIFEST, config, layers: [] }

describe('4 MiB of a manifest', () => {
  it.each<[string, () => string]>([
    [
      'of keys as long as those of specs',
      () => Array.from({ length: 240_000 }, (_, n) => `"${n + 100_000}":0`).join(),
    ],
    [
      'of keys with an escape',
      () => Array.from({ length: 240_000 }, (_, n) => `"\\u0061${n}":0`).join(),
    ],
  ])('are read within two seconds: %s', (_, members) => {
    const input = bytes(`{${members()},${JSON.stringify(image).slice(1)}`)
    const start = performance.now()
    expect(parseManifest(input, undefined)).toMatchObject({ config })
    expect(performance.now() - start).toBeLessThan(2000)
  })
})
