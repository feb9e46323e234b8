/** What a registry that is stopped left in its folder: the keys of the bucket, and those that the database names. */
import { join } from 'node:path'
import { Miniflare } from 'miniflare'

const SQL = {
  named: `
    SELECT storage_key AS key FROM blobs
    UNION SELECT storage_key FROM manifests WHERE storage_key IS NOT NULL`,
  buried: `SELECT storage_key AS key FROM tombstones`,
} as const

export interface StoredKeys {
  /** Of every object in the bucket. */
  stored: Set<string>
  /** In rows of blobs and manifests. */
  named: Set<string>
  /** In tombstones. */
  buried: Set<string>
}

export async function storedKeys(state: string): Promise<StoredKeys> {
  const miniflare = new Miniflare({
    resourcePersistencePath: join(state, 'v3'),
    telemetry: { enabled: false },
    workers: [
      {
        config: {
          name: 'reader',
          compatibilityDate: '2026-11-01',
          manifest: {
            mainModule: 'reader.js',
            modules: {
              'reader.js': {
                type: 'esm',
                contents: 'export default { fetch: () => new Response() }',
              },
            },
          },
          // As wrangler names them locally.
          env: { BUCKET: { type: 'r2', name: 'berth' }, DB: { type: 'd1', id: 'DB' } },
        },
      },
    ],
  })
  try {
    const bucket = await miniflare.getR2Bucket('BUCKET')
    const database = await miniflare.getD1Database('DB')
    const keys = async (sql: string) => {
      const { results } = await database.prepare(sql).all<{ key: string }>()
      return new Set(results.map(({ key }) => key))
    }
    const stored = new Set<string>()
    for (let cursor: string | undefined; ; ) {
      const page = await bucket.list(cursor === undefined ? {} : { cursor })
      for (const { key } of page.objects) stored.add(key)
      if (!page.truncated) break
      cursor = page.cursor
    }
    return { stored, named: await keys(SQL.named), buried: await keys(SQL.buried) }
  } finally {
    await miniflare.dispose()
  }
}
