/** Known attacks on tags: CVE-2026-31801 and #4266 of zot, where a push of `latest`, or by digest, passed over the right to update. */
import { beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { MEDIA_TYPE_OCI_INDEX, MEDIA_TYPE_OCI_MANIFEST } from '../../src/oci/media-types.ts'
import { ADMIN, type Client, newClient } from '../support/access-clients.ts'
import {
  bytesOf,
  errorCodes,
  imageManifest,
  type PushedBlob,
  pushBlob,
  randomBytes,
} from '../support/registry.ts'

let config: PushedBlob
/** May add tags, but not move them; with a password, an access token, and a bearer token. */
let creators: Record<string, Client>
let repositories = 0

beforeAll(async () => {
  config = await pushBlob('tags/base', randomBytes(20))
  const creator = await newClient({ 'tags/**': ['pull', 'create'] })
  const pusher = await newClient({ 'tags/**': ['pull', 'push'] })
  const scopes = Array.from({ length: 99 }, (_, n) => `repository:tags/app-${n}:pull,push,*`)
  creators = {
    password: creator,
    'access token': await creator.withAccessToken(),
    'access token that its owner limited': await pusher.withAccessToken({
      'tags/**': ['pull', 'create'],
    }),
    'access token that claims more than its owner has': await creator.withAccessToken({
      '**': ['pull', 'push', 'admin'],
    }),
    'bearer token': await creator.bearing(...scopes),
  }
})

const TITLES = [
  'password',
  'access token',
  'access token that its owner limited',
  'access token that claims more than its owner has',
  'bearer token',
]

interface Manifest {
  bytes: Uint8Array<ArrayBuffer>
  digest: string
}

async function manifest(text: string): Promise<Manifest> {
  const bytes = imageManifest(config, [], { annotations: { text } })
  return { bytes, digest: await digestOf(bytes) }
}

/** A repository with the tags `latest` and `other` on the first of two manifests. */
async function newRepository() {
  repositories += 1
  const name = `tags/app-${repositories}`
  const path = `/v2/${name}`
  await ADMIN.send('POST', `${path}/blobs/uploads/?mount=${config.digest}&from=tags/base`)
  const [old, fresh] = [await manifest(`old ${name}`), await manifest(`fresh ${name}`)]
  for (const tag of ['latest', 'other']) {
    expect((await ADMIN.putManifest(`${path}/manifests/${tag}`, old.bytes)).status).toBe(201)
  }
  return { name, path, old, fresh }
}

async function tagged(path: string, tag: string): Promise<string | null> {
  const { headers } = await ADMIN.send('HEAD', `${path}/manifests/${tag}`)
  return headers.get('Docker-Content-Digest')
}

/** The ways to write a tag. `%` stands for the digest of what is pushed. */
const MOVES: [title: string, reference: string][] = [
  ['by the tag', 'latest'],
  ['by another tag', 'other'],
  ['by the digest, with the tag', '%?tag=latest'],
  ['with several tags, the last of which is taken', '%?tag=new-1&tag=new-2&tag=latest'],
  ['with several tags, the first of which is taken', '%?tag=latest&tag=new-3'],
  ['by a new tag, with one that is taken', 'new-4?tag=latest'],
  ['with the same tag twice', '%?tag=latest&tag=latest'],
  ['with the tag escaped', '%?tag=l%61test'],
]

describe.each(TITLES)('CVE-2026-31801 (zot): a caller who may only create, by a %s,', (title) => {
  const creator = (): Client => {
    const client = creators[title]
    if (client === undefined) throw new Error(`no client ${title}`)
    return client
  }

  it.each(MOVES)('cannot move a tag %s', async (_, reference) => {
    const { path, old, fresh } = await newRepository()
    const url = `${path}/manifests/${reference.replace('%', fresh.digest)}`
    const response = await creator().putManifest(url, fresh.bytes)
    expect(response.status).toBe(403)
    expect(await errorCodes(response)).toEqual(['DENIED'])
    expect(await tagged(path, 'latest')).toBe(old.digest)
    expect(await tagged(path, 'other')).toBe(old.digest)
    // All or nothing: neither the other tags nor the manifest are there.
    for (const tag of ['new-1', 'new-2', 'new-3', 'new-4', fresh.digest]) {
      expect(await tagged(path, tag)).toBeNull()
    }
  })

  it('cannot move a tag to an index, or to a manifest that it pushed before', async () => {
    const { path, old, fresh } = await newRepository()
    const pushed = await creator().putManifest(`${path}/manifests/${fresh.digest}`, fresh.bytes)
    expect(pushed.status).toBe(201)
    const child = {
      mediaType: MEDIA_TYPE_OCI_MANIFEST,
      digest: fresh.digest,
      size: fresh.bytes.length,
    }
    const bytes = bytesOf(JSON.stringify({ schemaVersion: 2, manifests: [child] }))
    for (const reference of ['latest', `${await digestOf(bytes)}?tag=latest`]) {
      const url = `${path}/manifests/${reference}`
      const response = await creator().putManifest(url, bytes, MEDIA_TYPE_OCI_INDEX)
      expect(response.status).toBe(403)
    }
    for (const reference of ['latest', `${fresh.digest}?tag=latest`]) {
      const response = await creator().putManifest(`${path}/manifests/${reference}`, fresh.bytes)
      expect(response.status).toBe(403)
    }
    expect(await tagged(path, 'latest')).toBe(old.digest)
  })

  it('cannot free a tag by deleting it', async () => {
    const { path, old } = await newRepository()
    for (const reference of ['latest', old.digest]) {
      const { status } = await creator().send('DELETE', `${path}/manifests/${reference}`)
      expect([401, 403]).toContain(status)
    }
    expect(await tagged(path, 'latest')).toBe(old.digest)
  })

  it('can add tags, and repeat a push of existing ones', async () => {
    const { path, old, fresh } = await newRepository()
    for (const { bytes, reference } of [
      { bytes: old.bytes, reference: 'latest' },
      { bytes: fresh.bytes, reference: 'new' },
      { bytes: fresh.bytes, reference: 'new' },
      { bytes: fresh.bytes, reference: `${fresh.digest}?tag=new&tag=newer` },
    ]) {
      const { status } = await creator().putManifest(`${path}/manifests/${reference}`, bytes)
      expect(status).toBe(201)
    }
    expect(await tagged(path, 'latest')).toBe(old.digest)
    expect(await tagged(path, 'newer')).toBe(fresh.digest)
  })

  it('wins a tag if several try at the same time, and then only one of them', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { path, old } = await newRepository()
      const rivals = await Promise.all(
        Array.from({ length: 6 }, (_, n) => manifest(`rival ${path} ${n}`)),
      )
      const answers = await Promise.all(
        rivals.map(async ({ bytes, digest }, n) => {
          const reference = n % 2 === 0 ? 'raced' : `${digest}?tag=raced&tag=side-${n}`
          const { status } = await creator().putManifest(`${path}/manifests/${reference}`, bytes)
          return { status, digest, n }
        }),
      )
      const won = answers.filter(({ status }) => status === 201)
      expect(won).toHaveLength(1)
      expect(answers.filter(({ status }) => status === 403)).toHaveLength(5)
      expect(await tagged(path, 'raced')).toBe(won[0]?.digest)
      expect(await tagged(path, 'latest')).toBe(old.digest)
      for (const { n, digest, status } of answers) {
        if (status === 201) continue
        expect(await tagged(path, `side-${n}`)).toBeNull()
        expect(await tagged(path, digest)).toBeNull()
      }
    }
  })

  it('does not win against a caller who may move tags', async () => {
    const { path, fresh } = await newRepository()
    const mine = await manifest(`mine ${path}`)
    await Promise.all([
      ADMIN.putManifest(`${path}/manifests/raced`, fresh.bytes),
      creator().putManifest(`${path}/manifests/raced`, mine.bytes),
    ])
    expect(await tagged(path, 'raced')).toBe(fresh.digest)
  })
})
