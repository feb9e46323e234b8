/**
 * Everything that is the Worker runs inside workerd, with real R2, D1 and Durable Objects; what starts processes of its own (`npm start`,
 * the packed library) runs in Node. All cores work, but for the tests that compare times: those come last, and have the machine to
 * themselves. With STORAGE, what touches bytes runs on another driver of the blob store: storage/storage.ts.
 */
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { storageOf } from './storage/storage.ts'

const root = resolve(import.meta.dirname, '..')
const ci = process.env.CI === 'true'

const COMPARE_TIMES = [
  'test/access/attacks-mount.test.ts',
  'test/auth/login/timing.test.ts',
  'test/events/delivery/hanging-endpoint.test.ts',
  'test/events/delivery/pulls-at-once.test.ts',
  'test/oci/large-source.test.ts',
  'test/store/registry/referrers.test.ts',
  'test/uploads/parts-in-flight.test.ts',
  'test/uploads/refused-chunk.test.ts',
]

function reportedAs(name: string) {
  return {
    reporters: ci ? ['default', 'junit'] : ['default'],
    outputFile: { junit: resolve(root, `.reports/${name}.xml`) },
  }
}

export default defineConfig(async () => {
  // wrangler.toml names the folder of the documents: it has to be there.
  execFileSync(process.execPath, [resolve(root, 'src/docs/site/build.ts')])
  const storage = await storageOf(process.env.STORAGE)
  const migrations = await readD1Migrations(resolve(root, 'migrations'))
  const inWorkerd = (name: string, include: string[], exclude: string[]) => ({
    root,
    plugins: [
      cloudflareTest({
        main: './test/support/worker.ts',
        wrangler: { configPath: './wrangler.toml' },
        miniflare: {
          d1Databases: { REPLICA: 'replica' },
          serviceBindings: storage.services,
          bindings: {
            OPEN_ACCESS: 'true',
            ALLOWED_HOSTS: 'registry.test',
            LOG_REQUESTS: 'false',
            TEST_MIGRATIONS: migrations,
            MODEL_SEQUENCES: process.env.MODEL_SEQUENCES ?? '500',
            MODEL_SEED: process.env.MODEL_SEED ?? '',
            ...storage.vars,
          },
        },
      }),
    ],
    test: {
      name,
      include,
      exclude,
      setupFiles: ['./test/support/setup.ts'],
      testTimeout: 30_000,
      // A process serves many files: test/support/setup.ts makes it as new for each.
      isolate: false,
    },
  })
  if (storage.name !== 'r2') {
    const { name, tests, globalSetup } = storage
    const projects = [inWorkerd(name, tests, [])]
    return { root, test: { ...reportedAs(`storage-${name}`), globalSetup, projects } }
  }
  const elsewhere = ['test/node/**', 'test/storage/**']
  const workerd = inWorkerd('workerd', ['test/**/*.test.ts'], [...elsewhere, ...COMPARE_TIMES])
  const timed = inWorkerd('timed', COMPARE_TIMES, [])
  return {
    root,
    test: {
      ...reportedAs('unit'),
      // More than cores: many tests wait for a deadline or for a process. Vitest itself would leave a core free.
      maxWorkers: Math.ceil(availableParallelism() * 1.5),
      projects: [
        workerd,
        {
          root,
          test: {
            name: 'node',
            environment: 'node',
            include: ['test/node/**/*.test.ts'],
            testTimeout: 120_000,
            hookTimeout: 120_000,
            // The registries of one process share one build of the Worker.
            isolate: false,
          },
        },
        { ...timed, test: { ...timed.test, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      ],
    },
  }
})
