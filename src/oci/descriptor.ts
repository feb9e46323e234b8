/** Content descriptors: OCI image spec 1.1, "OCI Content Descriptors", and the platform of an image index entry. */
import { type Digest, isDigest } from './digest.ts'
import type { Json } from './errors.ts'
import {
  childPath,
  type Fields,
  invalidField,
  knownFields,
  member,
  optionalMediaType,
  optionalString,
  optionalStringMap,
  optionalStrings,
  readObject,
} from './fields.ts'

export interface Descriptor {
  /** '' where old content omits it. */
  mediaType: string
  digest: Digest
  /** Bytes. */
  size: number
  artifactType?: string
  annotations?: Record<string, string>
  urls?: string[]
  /** The content itself in base64: `size` bytes. Its digest has not been checked. */
  data?: string
  platform?: Platform
}

/** The platform of an image. `os` and `architecture` are '' where the entry omits them. */
export interface Platform {
  os: string
  architecture: string
  variant?: string
  'os.version'?: string
  'os.features'?: string[]
}

export const DESCRIPTOR_FIELDS = knownFields(
  'mediaType',
  'digest',
  'size',
  'artifactType',
  'annotations',
  'urls',
  'data',
  'platform',
)

const PLATFORM_FIELDS = knownFields('os', 'architecture', 'variant', 'os.version', 'os.features')

/**
 * Parses the descriptor at `path` of a manifest.
 * @throws {RegistryError} MANIFEST_INVALID; its message names the field
 */
export function readDescriptor(value: Json, path: string): Descriptor {
  const fields = readObject(value, path, DESCRIPTOR_FIELDS)
  const mediaType = optionalMediaType(fields, 'mediaType', path) ?? ''
  const size = readSize(fields, path)
  const descriptor: Descriptor = { mediaType, digest: readDigest(fields, path), size }

  const artifactType = optionalMediaType(fields, 'artifactType', path)
  if (artifactType !== undefined) descriptor.artifactType = artifactType
  const annotations = optionalStringMap(fields, 'annotations', path)
  if (annotations !== undefined) descriptor.annotations = annotations
  const urls = optionalStrings(fields, 'urls', path)
  if (urls !== undefined) descriptor.urls = urls
  const data = readData(fields, path, size)
  if (data !== undefined) descriptor.data = data
  const platform = readPlatform(fields, path)
  if (platform !== undefined) descriptor.platform = platform
  return descriptor
}

/** The same for a descriptor that requires a media type, which decides what it refers to. */
export function readTypedDescriptor(value: Json, path: string): Descriptor {
  const fields = readObject(value, path, DESCRIPTOR_FIELDS)
  if (optionalMediaType(fields, 'mediaType', path) === undefined) {
    throw invalidField(childPath(path, 'mediaType'), 'required')
  }
  return readDescriptor(value, path)
}

function readDigest(fields: Fields, path: string): Digest {
  const at = childPath(path, 'digest')
  const digest = optionalString(fields, 'digest', path)
  if (digest === undefined) throw invalidField(at, 'required')
  if (isDigest(digest)) return digest
  throw invalidField(at, 'expected sha256: and 64, or sha512: and 128, lower-case hex digits')
}

function readSize(fields: Fields, path: string): number {
  const at = childPath(path, 'size')
  const size = member(fields, 'size')
  if (size === undefined) throw invalidField(at, 'required')
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size
  throw invalidField(at, `expected an integer from 0 to ${Number.MAX_SAFE_INTEGER}`)
}

function readData(fields: Fields, path: string, size: number): string | undefined {
  const data = optionalString(fields, 'data', path)
  // Go's omitempty never writes '', and Go reads it as missing.
  if (data === undefined || data === '') return undefined
  const at = childPath(path, 'data')
  const length = base64Length(data)
  if (length === undefined) throw invalidField(at, 'expected base64 (RFC 4648, section 4)')
  if (length !== size) throw invalidField(at, `holds ${length} bytes, but size says ${size}`)
  return data
}

/** The decoded length of padded base64; undefined if the text is invalid. */
function base64Length(text: string): number | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  // Searching for an invalid character needs no backtracking, however long the text is.
  if (/[^A-Za-z0-9+/]/.test(text.slice(0, text.length - padding))) return undefined
  return (text.length / 4) * 3 - padding
}

function readPlatform(fields: Fields, path: string): Platform | undefined {
  const value = member(fields, 'platform')
  if (value === undefined) return undefined
  const at = childPath(path, 'platform')
  const source = readObject(value, at, PLATFORM_FIELDS)
  const platform: Platform = {
    os: optionalString(source, 'os', at) ?? '',
    architecture: optionalString(source, 'architecture', at) ?? '',
  }
  const variant = optionalString(source, 'variant', at)
  if (variant !== undefined) platform.variant = variant
  const version = optionalString(source, 'os.version', at)
  if (version !== undefined) platform['os.version'] = version
  const features = optionalStrings(source, 'os.features', at)
  if (features !== undefined) platform['os.features'] = features
  return platform
}
