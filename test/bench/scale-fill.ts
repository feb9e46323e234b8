/**
 * Fills Berth's database with as many manifests and tags as a big registry has, straight through SQLite while no server runs: over
 * HTTP a million pushes would take hours. The schema and its triggers are those that the migrations made, every digest is that of
 * its bytes and foreign keys are enforced; only the blobs' own bytes are missing, for which no row asks.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  type Descriptor,
  imageManifest,
  LAYER_TYPE,
  MANIFEST_TYPE,
  sha256,
} from './registry-client.ts'

/** Holds as many tagged images as asked for, and as many referrers of one subject. */
export const MANY = 'scale/many'
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'

/** The base that all images share; each has a configuration of its own. */
const LAYER: Descriptor = { mediaType: LAYER_TYPE, digest: named('layer'), size: 30_000_000 }
export const SUBJECT: Descriptor = {
  mediaType: MANIFEST_TYPE,
  digest: named('subject'),
  size: 700,
}

export function tagOf(index: number): string {
  return `v${padded(index)}`
}

export function repositoryOf(index: number): string {
  return `many/r${padded(index)}`
}

/** An image with the configuration `index`, made unlike any other by `nonce`. */
export function imageOf(index: number, nonce: string): Buffer {
  return imageManifest(LAYER, nonce, { config: configOf(index) })
}

function configOf(index: number): Descriptor {
  return { mediaType: LAYER_TYPE, digest: named(`config ${index}`), size: 1500 }
}

function named(name: string): string {
  return sha256(Buffer.from(name))
}

/** In the order of the numbers, up to ten million. */
function padded(index: number): string {
  return String(index).padStart(7, '0')
}

/** @param state the folder of a Berth that ran once, and has stopped */
export function fill(state: string, size: number): void {
  const db = new DatabaseSync(databaseFile(join(state, 'v3/d1')))
  try {
    // Nobody else uses it yet, and it is thrown away when anything fails: in the write-ahead log a million manifests would be written twice.
    db.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000000')
    db.exec('BEGIN')
    const add = insertions(db)
    const many = add.repository(MANY)
    add.blob(many, LAYER)
    for (let index = 0; index < size; index++) {
      const config = configOf(index)
      add.blob(many, config)
      const digest = add.manifest(many, imageOf(index, String(index)), [LAYER, config])
      add.tag(many, tagOf(index), digest)
      const referrer = imageManifest(LAYER, `referrer ${index}`, { subject: SUBJECT })
      add.manifest(many, referrer, [LAYER], SUBJECT.digest)
    }
    const empty = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [] }
    const bytes = Buffer.from(JSON.stringify(empty))
    for (let index = 0; index < size; index++) {
      const repository = add.repository(repositoryOf(index))
      add.tag(repository, 'latest', add.manifest(repository, bytes, []))
    }
    db.exec('COMMIT; PRAGMA journal_mode = WAL')
  } finally {
    db.close()
  }
}

/** Miniflare names the file by a hash; the other one there is its own. */
function databaseFile(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const [file, ...others] = files.filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name))
  if (file === undefined || others.length > 0) throw new Error(`${folder} has not one database`)
  return join(folder, file)
}

/** The ways to add a row, as a push would leave it. */
function insertions(db: DatabaseSync) {
  const now = Date.now()
  const insert = (table: string, ...columns: readonly string[]) => {
    const values = columns.map(() => '?').join(', ')
    return db.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values})`)
  }
  const repositories = insert('repositories', 'name', 'created_at')
  const blobs = insert('blobs', 'digest', 'size', 'storage_key', 'created_at')
  const links = insert('repository_blobs', 'repository_id', 'digest', 'linked_at')
  const manifests = insert(
    'manifests',
    ...['repository_id', 'digest', 'media_type', 'subject_digest', 'annotations', 'size'],
    ...['payload', 'created_at', 'pushed_at'],
  )
  const references = insert('manifest_blobs', 'repository_id', 'manifest_digest', 'blob_digest')
  const tags = insert('tags', 'repository_id', 'name', 'digest', 'updated_at')
  return {
    repository: (name: string) => Number(repositories.run(name, now).lastInsertRowid),
    blob(repository: number, { digest, size }: Descriptor) {
      blobs.run(digest, size, `blobs/scale/${digest.slice(-36)}`, now)
      links.run(repository, digest, now)
    },
    manifest(
      repository: number,
      bytes: Buffer,
      referred: readonly Descriptor[],
      subject: string | null = null,
    ): string {
      const digest = sha256(bytes)
      const text = bytes.toString()
      const { mediaType, annotations } = JSON.parse(text)
      const kept = subject === null ? null : JSON.stringify(annotations)
      manifests.run(repository, digest, mediaType, subject, kept, bytes.length, text, now, now)
      for (const blob of referred) references.run(repository, digest, blob.digest)
      return digest
    },
    tag: (repository: number, name: string, digest: string) =>
      tags.run(repository, name, digest, now),
  }
}
