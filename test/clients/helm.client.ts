/** helm: charts as OCI artifacts; push, pull by version and by digest, show, template. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $with } from './command.ts'
import { digestOf, readRegistry } from './content.ts'
import { uploadsOf } from './locations.ts'
import { scratchFor } from './scratch.ts'

suite('helm', () => {
  const scratch = scratchFor('helm')
  const env = {
    HELM_CACHE_HOME: join(scratch.dir, 'cache'),
    HELM_CONFIG_HOME: join(scratch.dir, 'config'),
    HELM_DATA_HOME: join(scratch.dir, 'data'),
  }
  const $ = $with({ env })
  const values = `message: ${randomBytes(20_000).toString('hex')}\n`
  before(async () => {
    await mkdir(join(scratch.dir, 'chart/templates'), { recursive: true })
    await writeFile(join(scratch.dir, 'chart/values.yaml'), values)
    const template = [
      'apiVersion: v1',
      'kind: ConfigMap',
      'metadata:',
      '  name: {{ .Release.Name }}',
      'data:',
      '  message: {{ .Values.message }}',
    ]
    await writeFile(join(scratch.dir, 'chart/templates/map.yaml'), template.join('\n'))
  })
  after(() => scratch.remove())

  /** Packages the chart as this version; returns the path of the archive. */
  async function packaged(version: string): Promise<string> {
    const chart = ['apiVersion: v2', 'name: demo', `version: ${version}`]
    await writeFile(join(scratch.dir, 'chart/Chart.yaml'), chart.join('\n'))
    await $`helm package ${join(scratch.dir, 'chart')} --destination ${scratch.dir}`
    return join(scratch.dir, `demo-${version}.tgz`)
  }

  const charts = `oci://${scratch.repository('charts')}`
  // A tag has no plus sign: helm writes an underscore.
  for (const [version, tag] of [
    ['1.0.0', '1.0.0'],
    ['1.1.0+build.7', '1.1.0_build.7'],
  ] as const) {
    test(`push, and pull by version and by digest: ${version}`, async () => {
      const archive = await packaged(version)
      const bytes = await readFile(archive)
      await $`helm push ${archive} ${charts} --plain-http`
      const stored = await readRegistry(scratch.host, scratch.path('charts/demo'), tag)
      assert.deepEqual(stored.layers, [digestOf(bytes)])
      for (const [how, reference] of [
        ['version', ['--version', version, `${charts}/demo`]],
        ['digest', [`${charts}/demo@${stored.manifest}`]],
      ] as const) {
        const target = join(scratch.dir, `pulled-${tag}-${how}`)
        await mkdir(target)
        await $`helm pull --plain-http --destination ${target} --untar ${reference}`
        assert.equal(await readFile(join(target, 'demo/values.yaml'), 'utf8'), values)
      }
    })
  }

  test('show and template take the newest version from the list of tags', async () => {
    const shown = await $`helm show chart --plain-http ${charts}/demo`
    assert.match(shown.stdout, /^version: 1\.1\.0\+build\.7$/m)
    const shownValues = await $`helm show values --plain-http ${charts}/demo --version 1.0.0`
    assert.equal(shownValues.stdout.trim(), values.trim())
    const rendered = await $`helm template demo --plain-http ${charts}/demo`
    assert.ok(rendered.stdout.includes(values.trim()))
  })

  test('each request of an upload goes to the Location of the answer before it', async () => {
    const archive = await packaged('2.0.0')
    const uploads = await uploadsOf(
      scratch.host,
      (host) => $`helm push ${archive} oci://${host}/${scratch.path('locations')} --plain-http`,
    )
    assert.deepEqual(uploads, ['POST PUT'])
  })
})
