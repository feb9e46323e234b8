/**
 * Media types of manifests, configs and layers: OCI image spec 1.1 ("OCI Image Media Types") and Docker image manifest v2 schema 2.
 * The constants are exact and lower-case, as clients send them.
 */

export const MEDIA_TYPE_OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const MEDIA_TYPE_OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const MEDIA_TYPE_DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const MEDIA_TYPE_DOCKER_MANIFEST_LIST =
  'application/vnd.docker.distribution.manifest.list.v2+json'

/** Schema 1, unsigned and signed: only for the error message that refuses it. */
export const MEDIA_TYPE_DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json'
export const MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED =
  'application/vnd.docker.distribution.manifest.v1+prettyjws'

export const MEDIA_TYPE_OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const MEDIA_TYPE_DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'

/** The type of the content `{}`, for artifacts without a config: the spec requires a descriptor. */
export const MEDIA_TYPE_OCI_EMPTY = 'application/vnd.oci.empty.v1+json'

export const MEDIA_TYPE_OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
export const MEDIA_TYPE_OCI_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip'
export const MEDIA_TYPE_OCI_LAYER_ZSTD = 'application/vnd.oci.image.layer.v1.tar+zstd'
export const MEDIA_TYPE_DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'

export const MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE =
  'application/vnd.oci.image.layer.nondistributable.v1.tar'
export const MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP =
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
export const MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_ZSTD =
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd'
export const MEDIA_TYPE_DOCKER_FOREIGN_LAYER =
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'

/** The type of bytes without a declared type. */
export const MEDIA_TYPE_OCTET_STREAM = 'application/octet-stream'

/** Whether `t` is a manifest of manifests: an OCI image index or a Docker manifest list. */
export function isIndexMediaType(t: string): boolean {
  return t === MEDIA_TYPE_OCI_INDEX || t === MEDIA_TYPE_DOCKER_MANIFEST_LIST
}

/** Whether `t` is a manifest of one image or artifact: OCI, or Docker v2 schema 2. */
export function isImageMediaType(t: string): boolean {
  return t === MEDIA_TYPE_OCI_MANIFEST || t === MEDIA_TYPE_DOCKER_MANIFEST
}

/** The manifest or index type in a descriptor's media type, without parameters; null for any other type. */
export function manifestTypeOf(mediaType: string): string | null {
  const essence = parseMediaType(mediaType)
  return isImageMediaType(essence) || isIndexMediaType(essence) ? essence : null
}

/**
 * Whether the registry may lack a layer of type `t`. Matches by prefix, as containerd does, so that it includes every compression.
 */
export function isNonDistributable(t: string): boolean {
  return (
    t.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
    t.startsWith('application/vnd.docker.image.rootfs.foreign.diff.')
  )
}

/** The essence of a Content-Type: `type/subtype`, lower-case, without parameters; '' for none. */
export function parseMediaType(header: string): string {
  const semicolon = header.indexOf(';')
  const essence = semicolon === -1 ? header : header.slice(0, semicolon)
  return essence.trim().toLowerCase()
}
