/** `berth/oci` and `berth/driver-suite` as another project gets them: packed, installed, imported by plain Node without a TypeScript loader. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-package-'))
})
afterAll(() => rm(folder, { recursive: true }))

it('berth/oci and berth/driver-suite are imported from the packed package', async () => {
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })
  const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[\n')))
  // What an installation does, without asking a package registry for the Worker's own dependencies.
  const installed = join(folder, 'node_modules/berth')
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'])
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await writeFile(
    join(folder, 'main.js'),
    `import { driverCases } from 'berth/driver-suite'
     import { parseReference, formatReference, parseDigest, RegistryError } from 'berth/oci'
     console.log(formatReference(parseReference('localhost:5000/hello:latest')))
     try { parseDigest('sha256:no') } catch (error) { console.log(error instanceof RegistryError, error.entries[0].code) }
     console.log(driverCases.every(({ title, run }) => title && run))`,
  )
  const { stdout } = await run('node', ['main.js'], { cwd: folder })
  expect(stdout).toBe('localhost:5000/hello:latest\ntrue DIGEST_INVALID\ntrue\n')
})
