/** cosign: signatures with a key and without a transparency log, as tags and as referrers (OCI 1.1), and their verification. */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { $, $with } from './command.ts'
import { ACCEPT } from './content.ts'
import { makeImage } from './images.ts'
import { uploadsOf } from './locations.ts'
import { scratchFor } from './scratch.ts'

const HTTP = ['--allow-http-registry', '--allow-insecure-registry']

/** Where a signature is kept, by the options that make cosign write it there and look for it there. */
const SCHEMES = {
  'a tag': { sign: ['--new-bundle-format=false'], verify: [] },
  'a referrer': {
    sign: ['--new-bundle-format=false', '--registry-referrers-mode=oci-1-1'],
    verify: ['--experimental-oci11'],
  },
  'a bundle': { sign: ['--new-bundle-format=true'], verify: [] },
} as const

type Scheme = keyof typeof SCHEMES

suite('cosign', () => {
  const scratch = scratchFor('cosign')
  const keys = (name: string) => join(scratch.dir, name, 'cosign')
  const env = { COSIGN_PASSWORD: '', COSIGN_EXPERIMENTAL: '1', HOME: scratch.dir }
  const cosign = $with({ env })
  before(async () => {
    for (const name of ['own', 'other']) {
      await mkdir(join(scratch.dir, name))
      await cosign`cosign generate-key-pair --output-key-prefix ${keys(name)}`
    }
  })
  after(() => scratch.remove())

  /** Pushes an image of its own to a repository; returns its reference by digest. */
  async function image(name: string, host = scratch.host): Promise<string> {
    const { layout, content } = await makeImage(join(scratch.dir, name), [100_000])
    const repository = `${host}/${scratch.path(name)}`
    await $`skopeo copy --dest-tls-verify=false oci:${layout}:v1 docker://${repository}:v1`
    return `${repository}@${content.manifest}`
  }

  const sign = (reference: string, kept: Scheme) =>
    cosign`cosign sign --yes --key ${keys('own')}.key --tlog-upload=false --use-signing-config=false
      ${HTTP} ${SCHEMES[kept].sign} ${reference}`

  const verify = (reference: string, kept: Scheme, key: 'own' | 'other') =>
    cosign`cosign verify --key ${keys(key)}.pub --insecure-ignore-tlog=true ${HTTP}
      ${SCHEMES[kept].verify} ${reference}`

  for (const kept of Object.keys(SCHEMES) as Scheme[]) {
    test(`sign and verify, kept as ${kept}`, async () => {
      const name = kept.replaceAll(' ', '-')
      const reference = await image(name)
      await assert.rejects(verify(reference, kept, 'own'), /no signatures found/)
      await sign(reference, kept)
      const { stdout } = await verify(reference, kept, 'own')
      assert.ok(stdout.includes(reference.split('@')[1] ?? ''), stdout)
      // Where it has looked for referrers first, it says that it found none that is right.
      const refusal = /no matching (signatures|attestations)|no signatures found/
      await assert.rejects(verify(reference, kept, 'other'), refusal)

      const signature = await signatureOf(name, reference)
      const base = `http://${scratch.host}/v2/${scratch.path(name)}/manifests`
      const removed = await fetch(`${base}/${signature}`, { method: 'DELETE' })
      assert.equal(removed.status, 202)
      await assert.rejects(verify(reference, kept, 'own'), /no signatures found/)
    })
  }

  /** The digest of the one signature of an image, from its tag or from the list of its referrers. */
  async function signatureOf(name: string, reference: string): Promise<string> {
    const digest = reference.split('@')[1] ?? ''
    const base = `http://${scratch.host}/v2/${scratch.path(name)}`
    const headers = { accept: ACCEPT }
    if (name === 'a-tag') {
      const tag = `${digest.replace(':', '-')}.sig`
      const tagged = await fetch(`${base}/manifests/${tag}`, { headers, method: 'HEAD' })
      return tagged.headers.get('docker-content-digest') ?? ''
    }
    const { manifests } = await (await fetch(`${base}/referrers/${digest}`)).json()
    assert.equal(manifests.length, 1)
    return manifests[0].digest
  }

  test('each request of an upload goes to the Location of the answer before it', async () => {
    for (const kept of Object.keys(SCHEMES) as Scheme[]) {
      const name = `locations-${kept.replaceAll(' ', '-')}`
      const reference = await image(name)
      const uploads = await uploadsOf(scratch.host, (host) =>
        sign(reference.replace(scratch.host, host), kept),
      )
      assert.deepEqual(uploads, ['POST PATCH PUT'])
    }
  })
})
