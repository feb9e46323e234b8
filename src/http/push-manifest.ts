/** Pushing a manifest: read it whole, check it against its type and its repository, store it in one transaction. */
import type { Context } from 'hono'
import type { RegistryEvent } from '../events/event.ts'
import { isPassing } from '../lib/passing-error.ts'
import { readBody } from '../lib/read-body.ts'
import { withRetries } from '../lib/retry.ts'
import { algorithmOf, type Digest, digestOf } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import {
  type Descriptor,
  MANIFEST_LIMIT_BYTES,
  type Manifest,
  parseManifest,
} from '../oci/manifest.ts'
import { isNonDistributable, manifestTypeOf } from '../oci/media-types.ts'
import { newStorageKey } from '../store/blob-store.ts'
import type { ManifestContent } from '../store/manifests.ts'
import {
  findContent,
  INLINE_MANIFEST_BYTES,
  type ManifestReference,
  putManifest,
  type Reference,
} from '../store/put-manifest.ts'
import { registryId } from '../store/registry.ts'
import { buryOnError } from '../store/tombstones.ts'
import type { AppEnv } from './context.ts'
import { eventOf, manifestUrl } from './events.ts'
import { fallbackEntries } from './fallback-entries.ts'
import { preconditionFailed, preconditionsOf } from './preconditions.ts'
import { settled } from './settled.ts'
import { changingTags } from './tag-reads.ts'

/** Each is a header of the answer, and Python's client takes 100 of those; the spec asks for 10 tags at least. */
const TAGS_AT_MOST = 64

/** A referrers list repeats the annotations of every manifest on it. */
const REFERRER_ANNOTATIONS_BYTES = 256 * 1024

/** More of them take more than the 200,000 characters that an event may have, whatever is in them: they are not written to find that out. */
const REFERENCES_TOLD = 2000

export interface PushReference {
  /** What the path names. */
  path: { tag: string } | { digest: Digest }
  tags: readonly string[]
}

export interface PushedManifest {
  digest: Digest
  subject: Digest | null
  /** What was told of it. */
  events: readonly RegistryEvent[]
}

/** @throws {RegistryError} MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID; status 413 past 4 MiB */
export async function pushManifest(
  c: Context<AppEnv>,
  reference: PushReference,
): Promise<PushedManifest> {
  if (reference.tags.length > TAGS_AT_MOST) {
    throw new RegistryError('TAG_INVALID', {
      status: 414,
      message: `a push may set ${TAGS_AT_MOST} tags at most`,
    })
  }
  const bytes = await readManifest(c)
  const { path } = reference
  const digest = await digestOf(bytes, 'digest' in path ? algorithmOf(path.digest) : 'sha256')
  if ('digest' in path && path.digest !== digest) {
    throw new RegistryError('DIGEST_INVALID', {
      message: 'the manifest does not hash to the digest that it was pushed under',
      detail: { expected: path.digest, actual: digest },
    })
  }
  const manifest = parseManifest(bytes, c.req.header('Content-Type'))
  // A small one is checked as it is stored; what lies in the blob store must not be written for nothing.
  if (bytes.length > INLINE_MANIFEST_BYTES) await checkReferences(c, manifest)
  await checkEmbeddedData(manifest)
  const annotations = referrerAnnotations(manifest)
  const push = { bytes, digest, manifest, annotations, ...reference }
  const events = eventsOf(c, push)
  await settled(c, changingTags(c, store(c, push, events)))
  return { digest, subject: manifest.subject?.digest ?? null, events }
}

type Events = readonly [RegistryEvent, ...RegistryEvent[]]

/** One for each tag, as the original has them; one without a tag where there is none. */
function eventsOf(c: Context<AppEnv>, { bytes, digest, manifest, tags }: Push): Events {
  const { mediaType } = manifest
  const url = manifestUrl(c, digest)
  const references = referencesOf(manifest)
  const told = references.length > REFERENCES_TOLD ? { truncated: true as const } : { references }
  const target = { mediaType, size: bytes.length, digest, url, ...told }
  const [first, ...others] = tags
  if (first === undefined) return [eventOf(c, 'push', target)]
  const tagged = (tag: string) => eventOf(c, 'push', { ...target, tag })
  return [tagged(first), ...others.map(tagged)]
}

function referencesOf({ config, layers, manifests }: Manifest): Descriptor[] {
  return [...(config === undefined ? [] : [config]), ...layers, ...manifests]
}

async function readManifest(c: Context<AppEnv>): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(c.req.header('Content-Length') ?? 0)
  const bytes =
    declared > MANIFEST_LIMIT_BYTES ? null : await readBody(c.req.raw.body, MANIFEST_LIMIT_BYTES)
  if (bytes !== null) return bytes
  throw new RegistryError('MANIFEST_INVALID', {
    status: 413,
    message: `the manifest is too large: ${MANIFEST_LIMIT_BYTES} bytes are the most`,
  })
}

/** Everything that the manifest refers to must be in the repository, with the size and the type that its descriptor says. */
async function checkReferences(c: Context<AppEnv>, manifest: Manifest): Promise<void> {
  const { blobs, children } = requiredReferences(manifest)
  const wanted = [...blobs, ...children]
  if (wanted.length === 0) return
  const digests = [...new Set(wanted.map(({ digest }) => digest))]
  const found = await findContent(c.get('db'), c.get('repository'), digests)
  const isMissing = new Set<Digest>()
  for (const { digest } of blobs) {
    if (typeof found.get(digest)?.blobSize !== 'number') isMissing.add(digest)
  }
  for (const { digest } of children) if (!found.has(digest)) isMissing.add(digest)
  if (isMissing.size > 0) {
    throw new RegistryError('MANIFEST_BLOB_UNKNOWN', {
      message: 'the repository does not have what the manifest refers to',
      details: digests.filter((digest) => isMissing.has(digest)),
    })
  }
  for (const blob of blobs) checkSize(c, blob, found.get(blob.digest)?.blobSize)
  for (const { digest, size, mediaType } of children) {
    const { manifest = null, blobSize } = found.get(digest) ?? {}
    checkSize(c, { digest, size }, manifest?.size ?? blobSize)
    if (manifest !== null && manifest.mediaType !== mediaType) {
      const truth = mayPull(c) ? `it was pushed as ${manifest.mediaType}` : 'which is not its type'
      throw new RegistryError('MANIFEST_INVALID', {
        message: `mediaType: the descriptor of ${digest} says ${mediaType}, ${truth}`,
        detail: digest,
      })
    }
  }
}

function mayPull(c: Context<AppEnv>): boolean {
  return c.get('caller').rights.on(c.get('repository')).has('pull')
}

/** Clients read embedded data in place of the content that the digest names. */
async function checkEmbeddedData(manifest: Manifest): Promise<void> {
  const { subject } = manifest
  const described = [...referencesOf(manifest), ...(subject === undefined ? [] : [subject])]
  for (const { digest, data } of described) {
    if (data === undefined) continue
    const actual = await digestOf(Uint8Array.fromBase64(data), algorithmOf(digest))
    if (actual === digest) continue
    throw new RegistryError('MANIFEST_INVALID', {
      message: `data: that of the descriptor of ${digest} hashes to ${actual}`,
      detail: digest,
    })
  }
}

/** The right to push does not include the right to read sizes. */
function checkSize(
  c: Context<AppEnv>,
  { digest, size }: Reference,
  actual: number | null | undefined,
): void {
  if (actual === size) return
  const truth = mayPull(c) ? `it has ${actual}` : 'which is not its size'
  throw new RegistryError('MANIFEST_INVALID', {
    message: `size: the descriptor of ${digest} says ${size} bytes, ${truth}`,
    detail: digest,
  })
}

interface RequiredReferences {
  blobs: Reference[]
  children: ManifestReference[]
}

/**
 * What must be in the repository. A descriptor's own media type says whether that is a manifest or a blob, whatever it stands in: an index may list
 * blobs, as BuildKit's cache does. Layers that may not be distributed lie elsewhere: they need not be here.
 */
function requiredReferences(manifest: Manifest): RequiredReferences {
  const required: RequiredReferences = { blobs: [], children: [] }
  for (const { digest, size, mediaType } of referencesOf(manifest)) {
    const manifestType = manifestTypeOf(mediaType)
    if (manifestType !== null) required.children.push({ digest, size, mediaType: manifestType })
    else if (!isNonDistributable(mediaType)) required.blobs.push({ digest, size })
  }
  return required
}

interface Push extends PushReference {
  bytes: Uint8Array<ArrayBuffer>
  digest: Digest
  manifest: Manifest
  annotations: string | null
}

async function store(
  c: Context<AppEnv>,
  { bytes, digest, manifest, annotations, path, tags }: Push,
  events: Events,
): Promise<void> {
  const outcome = await putManifest(c.get('db'), c.get('repository'), {
    digest,
    mediaType: manifest.mediaType,
    size: bytes.length,
    content: await storeContent(c, bytes, digest),
    artifactType: manifest.artifactType ?? null,
    subject: manifest.subject?.digest ?? null,
    annotations,
    ...requiredReferences(manifest),
    entries: fallbackEntries(manifest),
    tags,
    events,
    path,
    preconditions: preconditionsOf(c),
    mayMoveTags: c.get('caller').rights.on(c.get('repository')).has('push'),
  })
  if (outcome === 'stored') return
  if (outcome === 'precondition failed') throw preconditionFailed(path)
  if (outcome === 'tag taken') {
    throw new RegistryError(
      'DENIED',
      mayPull(c)
        ? {
            message: 'the tag names another manifest, and you may add tags but not move them',
            detail: { tags },
          }
        : { message: 'you may add tags but not move them' },
    )
  }
  if (outcome === 'buried') {
    throw new RegistryError('UNAVAILABLE', {
      message: 'the manifest was not stored in time: push again',
      headers: { 'Retry-After': '1' },
    })
  }
  // What it refers to is not as it says, or was not a moment ago: the check tells what is wrong.
  await checkReferences(c, manifest)
  throw new RegistryError('UNAVAILABLE', {
    message: 'the repository is changing: push again',
    headers: { 'Retry-After': '1' },
  })
}

async function storeContent(
  c: Context<AppEnv>,
  bytes: Uint8Array<ArrayBuffer>,
  digest: Digest,
): Promise<ManifestContent> {
  if (bytes.length <= INLINE_MANIFEST_BYTES) return { payload: new TextDecoder().decode(bytes) }
  const db = c.get('db')
  const storageKey = newStorageKey(await registryId(db), 'manifests')
  const write = () => c.get('blobStore').write(storageKey, bytes, digest)
  const written = await buryOnError(db, storageKey, () => withRetries(write, isPassing))
  if (!written) throw new Error(`the manifest ${digest} changed on its way to the blob store`)
  return { storageKey }
}

function referrerAnnotations({ subject, annotations }: Manifest): string | null {
  if (subject === undefined || annotations === undefined) return null
  const text = JSON.stringify(annotations)
  if (new TextEncoder().encode(text).length <= REFERRER_ANNOTATIONS_BYTES) return text
  throw new RegistryError('MANIFEST_INVALID', {
    message: `annotations: those of a manifest with a subject may take ${REFERRER_ANNOTATIONS_BYTES} bytes`,
  })
}
