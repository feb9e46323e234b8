/**
 * Content negotiation of manifests: RFC 9110, 12.5.1, and docker/distribution's behaviour for clients that predate manifest lists.
 * Only reads by tag negotiate. A read by digest always gets the named bytes.
 */
import type { Descriptor, Manifest } from './manifest.ts'
import {
  isImageMediaType,
  isIndexMediaType,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  parseMediaType,
} from './media-types.ts'

interface MediaRange {
  type: string
  isRefused: boolean
}

/**
 * Whether a client that sent `accept` takes `mediaType`. The most specific range decides (type, then its `/*`, then any). q=0
 * refuses, and without a header every type is accepted.
 * @param accept all Accept lines of the request, joined by commas; null if there is none
 */
export function acceptsManifest(accept: string | null, mediaType: string): boolean {
  const ranges = parseAccept(accept)
  return ranges.length === 0 || accepts(ranges, mediaType)
}

/**
 * Whether a read by tag that finds `stored` must be answered with the child for one platform instead.
 *
 * - A Docker manifest list: yes, unless the client accepts lists or indexes. A missing header means an old client.
 * - An OCI index: only for a client that names image manifests and accepts no index. A missing header means any type, as in
 *   RFC 9110: no client that knows OCI is that old.
 * - Anything else: no.
 *
 * @param accept all Accept lines of the request, joined by commas; null if there is none
 */
export function needsPlatformChild(accept: string | null, stored: string): boolean {
  if (!isIndexMediaType(stored)) return false
  const isDockerList = stored === MEDIA_TYPE_DOCKER_MANIFEST_LIST
  const ranges = parseAccept(accept)
  if (accepts(ranges, stored) || names(ranges, isIndexMediaType)) return false
  return isDockerList || names(ranges, isImageMediaType)
}

/** The first image in an index for this platform, regardless of its variant. */
export function platformChild(
  manifest: Manifest,
  os = 'linux',
  architecture = 'amd64',
): Descriptor | undefined {
  return manifest.manifests.find(
    (child) =>
      isImageMediaType(child.mediaType) &&
      child.platform?.os === os &&
      child.platform.architecture === architecture,
  )
}

/** The ranges of a header; [] for a missing or empty one. */
function parseAccept(accept: string | null): MediaRange[] {
  return (accept ?? '')
    .split(',')
    .filter((range) => range.trim() !== '')
    .map((range) => {
      const [, ...parameters] = range.split(';')
      return { type: parseMediaType(range), isRefused: parameters.some(isZeroWeight) }
    })
}

/** `q=0`, `q=0.`, `q=0.000`: RFC 9110, 12.4.2. */
function isZeroWeight(parameter: string): boolean {
  return /^q=0(\.0{0,3})?$/i.test(parameter.trim())
}

function accepts(ranges: readonly MediaRange[], mediaType: string): boolean {
  const wildcard = `${mediaType.slice(0, mediaType.indexOf('/'))}/*`
  for (const candidate of [mediaType, wildcard, '*/*']) {
    const matching = ranges.filter((range) => range.type === candidate)
    if (matching.length > 0) return matching.some((range) => !range.isRefused)
  }
  return false
}

function names(ranges: readonly MediaRange[], isWanted: (type: string) => boolean): boolean {
  return ranges.some((range) => !range.isRefused && isWanted(range.type))
}
