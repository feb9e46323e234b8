/**
 * Two projects: everything that is the Worker runs inside workerd, with real R2, D1 and Durable Objects; what starts
 * processes of its own (`npm start`, the packed library) runs in Node.
 */
import { resolve } from 'node:path'
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

const root = resolve(import.meta.dirname, '..')
const ci = process.env.CI === 'true'

export default defineConfig(async () => ({
  root,
  test: {
    reporters: ci ? ['default', 'junit'] : ['default'],
    outputFile: { junit: resolve(root, '.reports/unit.xml') },
    projects: [
      {
        root,
        plugins: [
          cloudflareTest({
            main: './test/support/worker.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              d1Databases: { REPLICA: 'replica' },
              bindings: {
                OPEN_ACCESS: 'true',
                LOG_REQUESTS: 'false',
                TEST_MIGRATIONS: await readD1Migrations(resolve(root, 'migrations')),
              },
            },
          }),
        ],
        test: {
          name: 'workerd',
          include: ['test/**/*.test.ts'],
          exclude: ['test/node/**'],
          setupFiles: ['./test/support/setup.ts'],
          testTimeout: 30_000,
        },
      },
      {
        root,
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/node/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
}))
