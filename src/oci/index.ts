/**
 * `berth/oci`: the concepts of container registries as a library. Digests, names, references, media types, manifests, content
 * negotiation and the error table. No I/O; it runs in Workers, Node and browsers.
 */
export type { Algorithm, Digest } from './digest.ts'
export {
  algorithmOf,
  digestOf,
  formatDigest,
  hexOf,
  isAlgorithm,
  isDigest,
  parseDigest,
  verifyDigest,
  webCryptoName,
} from './digest.ts'
export { DigestSet } from './digest-set.ts'
export type { ErrorCode, ErrorEntry, Json, RegistryErrorOptions } from './errors.ts'
export { ERROR_TABLE, RegistryError } from './errors.ts'
export {
  DEFAULT_HOST,
  DEFAULT_TAG,
  familiarName,
  formatFamiliar,
  parseAnyReference,
  parseFamiliarReference,
  parsePullReference,
  withDefaultTag,
} from './familiar-reference.ts'
export { JSON_DEPTH_LIMIT, parseStrictJson } from './json.ts'
export type { Descriptor, Manifest, Platform } from './manifest.ts'
export { ENTRY_LIMIT, MANIFEST_LIMIT_BYTES, parseManifest } from './manifest.ts'
export {
  isImageMediaType,
  isIndexMediaType,
  isNonDistributable,
  MEDIA_TYPE_DOCKER_CONFIG,
  MEDIA_TYPE_DOCKER_FOREIGN_LAYER,
  MEDIA_TYPE_DOCKER_LAYER,
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  MEDIA_TYPE_DOCKER_SCHEMA1,
  MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED,
  MEDIA_TYPE_OCI_CONFIG,
  MEDIA_TYPE_OCI_EMPTY,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_LAYER,
  MEDIA_TYPE_OCI_LAYER_GZIP,
  MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE,
  MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP,
  MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_ZSTD,
  MEDIA_TYPE_OCI_LAYER_ZSTD,
  MEDIA_TYPE_OCI_MANIFEST,
  MEDIA_TYPE_OCTET_STREAM,
  parseMediaType,
} from './media-types.ts'
export {
  isRepositoryName,
  isTag,
  parseRepositoryName,
  parseTag,
  REPOSITORY_NAME_LIMIT,
  TAG_LIMIT,
} from './name.ts'
export { acceptsManifest, needsPlatformChild, platformChild } from './negotiation.ts'
export type { Reference } from './reference.ts'
export {
  formatName,
  formatReference,
  isHost,
  nameOnly,
  parseName,
  parseReference,
  splitHostname,
  withDigest,
  withTag,
} from './reference.ts'
