/** Pushes a manifest (OCI distribution spec, end-7): checks it against its type and its repository, and stores it in one transaction. */
import type { RegistryEvent } from '../../events/model/event.ts'
import type { Preconditions } from '../../lib/conditional.ts'
import { isPassing } from '../../lib/passing-error.ts'
import { withRetries } from '../../lib/retry.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { type Manifest, parseManifest } from '../../oci/manifest.ts'
import { newStorageKey } from '../../store/bytes/blob-store.ts'
import { buryOnError } from '../../store/bytes/tombstones.ts'
import { haveRoomFor } from '../../store/events/outbox.ts'
import type { ManifestContent } from '../../store/registry/manifests.ts'
import {
  INLINE_MANIFEST_BYTES,
  type PutOutcome,
  putManifest,
} from '../../store/registry/put-manifest.ts'
import { registryId } from '../../store/registry/registry.ts'
import { mayPull, type RegistryContext } from '../context.ts'
import { announce, eventOf, manifestUrl } from '../events.ts'
import {
  checkEmbeddedData,
  checkReferences,
  referencesOf,
  requiredReferences,
} from './check-references.ts'
import { fallbackEntries } from './list-referrers.ts'
import { type ManifestReference, preconditionFailed } from './reference.ts'
import { askAboutTags } from './tag-policy.ts'
import { changeTags } from './tags.ts'

/** Each tag is a header of the response, and Python's client accepts 100 headers. The spec requires at least 10 tags. */
const TAGS_AT_MOST = 64

/** A list of referrers repeats the annotations of each manifest in it. */
const REFERRER_ANNOTATIONS_BYTES = 256 * 1024

export interface ManifestPush {
  /** The manifest as received, at most 4 MiB. */
  bytes: Uint8Array<ArrayBuffer>
  contentType: string | undefined
  /** The reference in the path. If it is a tag, that tag is set too. */
  reference: ManifestReference
  /** More tags to set. */
  tags: readonly string[]
  /** The conditions that `reference` must meet before the push. */
  preconditions: Preconditions
}

export interface PushedManifest {
  digest: Digest
  subject: Digest | null
}

/** @throws {RegistryError} MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID, TAG_INVALID, DENIED (also as 412), UNAVAILABLE */
export async function pushManifest(
  context: RegistryContext,
  push: ManifestPush,
): Promise<PushedManifest> {
  const { bytes, reference } = push
  const tags = tagsOf(push)
  await askAboutTags(context, 'push', push.tags)
  const digest = await digestOf(
    bytes,
    'digest' in reference ? algorithmOf(reference.digest) : 'sha256',
  )
  if ('digest' in reference && reference.digest !== digest) {
    throw new RegistryError('DIGEST_INVALID', {
      message: 'the manifest does not hash to the digest that it was pushed under',
      detail: { expected: reference.digest, actual: digest },
    })
  }
  const manifest = parseManifest(bytes, push.contentType)
  // Small manifests are checked by the transaction that stores them. A large one is checked first, to avoid a useless write to the blob
  // store.
  if (bytes.length > INLINE_MANIFEST_BYTES) await checkReferences(context, manifest)
  await checkEmbeddedData(manifest)
  const events = eventsOf(context, { digest, size: bytes.length, manifest, tags })
  const outcome = await changeTags(
    context,
    store(context, { push, digest, manifest, tags, events }),
  )
  if (outcome !== 'stored') throw await pushRefusal(context, outcome, push, manifest, tags)
  announce(context, events)
  return { digest, subject: manifest.subject?.digest ?? null }
}

function tagsOf({ reference, tags }: ManifestPush): string[] {
  const all = new Set('tag' in reference ? [reference.tag, ...tags] : tags)
  if (all.size <= TAGS_AT_MOST) return [...all]
  throw new RegistryError('TAG_INVALID', {
    status: 414,
    message: `a push may set ${TAGS_AT_MOST} tags at most`,
  })
}

type Events = readonly [RegistryEvent, ...RegistryEvent[]]

/** One event for each tag, as in docker/distribution. Without tags, one event without a tag. */
function eventsOf(
  context: RegistryContext,
  {
    digest,
    size,
    manifest,
    tags,
  }: Pick<Checked, 'digest' | 'manifest' | 'tags'> & { size: number },
): Events {
  const { mediaType } = manifest
  const references = referencesOf(manifest)
  const events = Math.max(tags.length, 1)
  const told = haveRoomFor(references, events) ? { references } : { truncated: true as const }
  const target = { mediaType, size, digest, url: manifestUrl(context, digest), ...told }
  const [first, ...others] = tags
  if (first === undefined) return [eventOf(context, 'push', target)]
  const tagged = (tag: string) => eventOf(context, 'push', { ...target, tag })
  return [tagged(first), ...others.map(tagged)]
}

interface Checked {
  push: ManifestPush
  digest: Digest
  manifest: Manifest
  tags: readonly string[]
  events: Events
}

async function store(
  context: RegistryContext,
  { push, digest, manifest, tags, events }: Checked,
): Promise<PutOutcome> {
  const { databases, repository, by } = context
  return putManifest(databases.of(repository), repository, {
    digest,
    mediaType: manifest.mediaType,
    size: push.bytes.length,
    content: await storeContent(context, push.bytes, digest),
    artifactType: manifest.artifactType ?? null,
    subject: manifest.subject?.digest ?? null,
    annotations: referrerAnnotations(manifest),
    ...requiredReferences(manifest),
    entries: fallbackEntries(manifest),
    tags,
    events,
    path: push.reference,
    preconditions: push.preconditions,
    mayMoveTags: by.actions.includes('push'),
  })
}

/** Manifests up to 64 KiB are stored in the row, larger ones in the blob store. */
async function storeContent(
  { databases, repository, blobs }: RegistryContext,
  bytes: Uint8Array<ArrayBuffer>,
  digest: Digest,
): Promise<ManifestContent> {
  if (bytes.length <= INLINE_MANIFEST_BYTES) return { payload: new TextDecoder().decode(bytes) }
  const db = databases.of(repository)
  const storageKey = newStorageKey(await registryId(db), 'manifests')
  const write = () => blobs.write(storageKey, bytes, digest)
  const written = await buryOnError(db, storageKey, () => withRetries(write, isPassing))
  if (!written) throw new Error(`the manifest ${digest} changed on its way to the blob store`)
  return { storageKey }
}

/** @throws {RegistryError} MANIFEST_INVALID if the annotations are too large */
function referrerAnnotations({ subject, annotations }: Manifest): string | null {
  if (subject === undefined || annotations === undefined) return null
  const text = JSON.stringify(annotations)
  if (new TextEncoder().encode(text).length <= REFERRER_ANNOTATIONS_BYTES) return text
  throw new RegistryError('MANIFEST_INVALID', {
    message: `annotations: longer than ${REFERRER_ANNOTATIONS_BYTES} bytes, the limit for a manifest with a subject`,
  })
}

async function pushRefusal(
  context: RegistryContext,
  outcome: Exclude<PutOutcome, 'stored'>,
  { reference }: ManifestPush,
  manifest: Manifest,
  tags: readonly string[],
): Promise<RegistryError> {
  switch (outcome) {
    case 'precondition failed':
      return preconditionFailed(reference)
    case 'tag taken':
      return tagTaken(context, tags)
    case 'buried':
      return pushAgain('the manifest was not stored in time')
    case 'missing':
      // A reference is missing or differs from its descriptor, or was a moment ago. The check finds out which.
      await checkReferences(context, manifest)
      return pushAgain('the repository is changing')
  }
}

function tagTaken(context: RegistryContext, tags: readonly string[]): RegistryError {
  if (!mayPull(context)) {
    return new RegistryError('DENIED', { message: 'you may add tags but not move them' })
  }
  return new RegistryError('DENIED', {
    message: 'the tag names another manifest, and you may add tags but not move them',
    detail: { tags },
  })
}

function pushAgain(why: string): RegistryError {
  return new RegistryError('UNAVAILABLE', {
    message: `${why}: push again`,
    headers: { 'Retry-After': '1' },
  })
}
