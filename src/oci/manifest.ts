/**
 * Strict parsing of manifests and indexes: OCI image spec 1.1 ("Image Manifest", "Image Index"), Docker v2 schema 2 and Docker
 * manifest list. A manifest that parses here has only one meaning (CVE-2021-41190). Fields that no spec defines are ignored. A
 * registry stores and serves the bytes, never this parsed form.
 */
import {
  DESCRIPTOR_FIELDS,
  type Descriptor,
  readDescriptor,
  readTypedDescriptor,
} from './descriptor.ts'
import { type Json, RegistryError } from './errors.ts'
import {
  type Fields,
  invalidField,
  knownFields,
  member,
  optionalMediaType,
  optionalString,
  optionalStringMap,
} from './fields.ts'
import type { Span } from './json-spans.ts'
import {
  isImageMediaType,
  isIndexMediaType,
  MEDIA_TYPE_DOCKER_SCHEMA1,
  MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
  parseMediaType,
} from './media-types.ts'
import { Source } from './source.ts'

export type { Descriptor, Platform } from './descriptor.ts'

/**
 * The maximum size in bytes. The OCI distribution spec, "Pushing Manifests", says that a registry SHOULD accept at least this much.
 */
export const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024

/**
 * The maximum number of layers of an image (an artifact has one per file) or entries of an index. Each becomes a database row; 4
 * MiB could hold about 20,000.
 */
export const ENTRY_LIMIT = 10_000

export interface Manifest {
  kind: 'image' | 'index'
  /** The media type under which it is stored and served. */
  mediaType: string
  /** The type that a referrers list shows: its own, or an image's config.mediaType; an index may have none. */
  artifactType?: string
  annotations?: Record<string, string>
  /** Only for an image. */
  config?: Descriptor
  /** Only for an image; [] for an index. */
  layers: Descriptor[]
  /** Only for an index; [] for an image. */
  manifests: Descriptor[]
  subject?: Descriptor
}

const MANIFEST_FIELDS = knownFields(
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'subject',
  'annotations',
  'fsLayers',
)

const NO_SCHEMA_1 = 'Docker schema 1 is not supported'

/**
 * Parses a manifest.
 * @param contentType its Content-Type header; parameters are ignored, and application/json does not name a type
 * @throws {RegistryError} MANIFEST_INVALID, whose message names the field (`layers[2].size: …`); with status 413 for more than
 * MANIFEST_LIMIT_BYTES
 */
export function parseManifest(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string | undefined,
): Manifest {
  if (bytes.byteLength > MANIFEST_LIMIT_BYTES) {
    throw new RegistryError('MANIFEST_INVALID', {
      message: `manifest larger than ${MANIFEST_LIMIT_BYTES} bytes`,
      status: 413,
    })
  }
  const source = new Source(bytes)
  const spans = source.fields(source.whole, '', MANIFEST_FIELDS)
  const fields = readFields(source, spans)
  const mediaType = decideMediaType(fields, parseMediaType(contentType ?? ''))
  if (member(fields, 'schemaVersion') !== 2) throw invalidField('schemaVersion', 'expected 2')
  const list = (name: string, read: typeof readDescriptor) =>
    readEntries(source, spans.get(name), name, read)
  return isIndexMediaType(mediaType)
    ? readIndex(fields, mediaType, list)
    : readImage(fields, mediaType, list)
}

/** Reads all fields. Lists are null here, because their entries are read one by one; so is `fsLayers`, which is always refused. */
function readFields(source: Source, spans: ReadonlyMap<string, Span>): Fields {
  const read = (name: string, span: Span): Json => {
    if (name === 'layers' || name === 'manifests' || name === 'fsLayers') return null
    const isDescriptor = name === 'config' || name === 'subject'
    return isDescriptor ? source.object(span, name, DESCRIPTOR_FIELDS) : source.field(span, name)
  }
  return Object.fromEntries([...spans].map(([name, span]) => [name, read(name, span)]))
}

/** Reads a list of the manifest. */
type ReadList = (name: string, read: typeof readDescriptor) => Descriptor[]

/** Header and body must agree. If neither names a type, the fields of an OCI manifest decide. */
function decideMediaType(fields: Fields, header: string): string {
  const declared = header === 'application/json' ? '' : header
  const own = optionalString(fields, 'mediaType', '') ?? ''
  if (member(fields, 'schemaVersion') === 1) throw invalidField('schemaVersion', NO_SCHEMA_1)
  if (Object.hasOwn(fields, 'fsLayers')) throw invalidField('fsLayers', NO_SCHEMA_1)
  if (declared !== '') requireSupported(declared, 'Content-Type')
  if (own !== '') requireSupported(own, 'mediaType')
  if (declared !== '' && own !== '' && declared !== own) {
    throw invalidField('mediaType', `${own} does not match the Content-Type ${declared}`)
  }
  if (own !== '') return own
  if (declared === '') return inferMediaType(fields)
  if (declared === MEDIA_TYPE_OCI_MANIFEST || declared === MEDIA_TYPE_OCI_INDEX) return declared
  throw invalidField('mediaType', `required in a manifest of type ${declared}`)
}

function requireSupported(mediaType: string, path: string): void {
  if (isImageMediaType(mediaType) || isIndexMediaType(mediaType)) return
  const isSchema1 =
    mediaType === MEDIA_TYPE_DOCKER_SCHEMA1 || mediaType === MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED
  throw invalidField(
    path,
    isSchema1
      ? NO_SCHEMA_1
      : `${JSON.stringify(mediaType.slice(0, 256))} is not a supported manifest type`,
  )
}

function inferMediaType(fields: Fields): string {
  if (Object.hasOwn(fields, 'manifests')) return MEDIA_TYPE_OCI_INDEX
  if (Object.hasOwn(fields, 'config')) return MEDIA_TYPE_OCI_MANIFEST
  throw invalidField('mediaType', 'required if there is neither config nor manifests')
}

function readImage(fields: Fields, mediaType: string, list: ReadList): Manifest {
  refuseField(fields, 'manifests', mediaType)
  const config = member(fields, 'config')
  if (config === undefined) throw invalidField('config', 'required')
  const configDescriptor = readDescriptor(config, 'config')
  return {
    ...readCommon(fields, configDescriptor.mediaType || undefined),
    kind: 'image',
    mediaType,
    config: configDescriptor,
    layers: list('layers', readDescriptor),
    manifests: [],
  }
}

function readIndex(fields: Fields, mediaType: string, list: ReadList): Manifest {
  refuseField(fields, 'config', mediaType)
  refuseField(fields, 'layers', mediaType)
  return {
    ...readCommon(fields, undefined),
    kind: 'index',
    mediaType,
    layers: [],
    manifests: list('manifests', readTypedDescriptor),
  }
}

/** CVE-2021-41190: a document with the fields of both is an image to one client and an index to another. */
function refuseField(fields: Fields, name: string, mediaType: string): void {
  if (Object.hasOwn(fields, name)) throw invalidField(name, `not allowed in ${mediaType}`)
}

function readCommon(
  fields: Fields,
  defaultArtifactType: string | undefined,
): Pick<Manifest, 'artifactType' | 'annotations' | 'subject'> {
  const common: Pick<Manifest, 'artifactType' | 'annotations' | 'subject'> = {}
  const artifactType = optionalMediaType(fields, 'artifactType', '') ?? defaultArtifactType
  if (artifactType !== undefined) common.artifactType = artifactType
  const annotations = optionalStringMap(fields, 'annotations', '')
  if (annotations !== undefined) common.annotations = annotations
  const subject = member(fields, 'subject')
  if (subject !== undefined) common.subject = readTypedDescriptor(subject, 'subject')
  return common
}

/** Reads a list. Go writes null for an empty one, and old content omits it. */
function readEntries(
  source: Source,
  list: Span | undefined,
  name: string,
  read: typeof readDescriptor,
): Descriptor[] {
  if (list === undefined) return []
  const entries = source.items(list, ENTRY_LIMIT)
  if (entries === null) {
    if (source.field(list, name) === null) return []
    throw invalidField(name, 'expected an array')
  }
  if (entries.length > ENTRY_LIMIT) throw invalidField(name, `more than ${ENTRY_LIMIT} entries`)
  return entries.map((entry, index) => {
    const path = `${name}[${index}]`
    return read(source.object(entry, path, DESCRIPTOR_FIELDS), path)
  })
}
