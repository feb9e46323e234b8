/** Which events an endpoint wants: docker/distribution's list of what to ignore, and Berth's lists of what to send. */
import { matchesPattern } from '../../lib/repository-pattern.ts'
import { BLOB_MEDIA_TYPE, type EventTarget, type RegistryEvent } from '../model/event.ts'
import type { Endpoint } from './endpoint.ts'

/** An empty list filters nothing. */
export type EndpointFilter = Pick<
  Endpoint,
  | 'disabled'
  | 'ignoredMediaTypes'
  | 'ignoredActions'
  | 'repositories'
  | 'actions'
  | 'mediaTypes'
  | 'blobPulls'
>

export function wants(
  endpoint: EndpointFilter,
  { action, target }: Pick<RegistryEvent, 'action'> & { target: EventTarget },
): boolean {
  return (
    wantsAction(endpoint, action) &&
    wantsMediaType(endpoint, target.mediaType) &&
    wantsRepository(endpoint, target.repository) &&
    (action !== 'pull' || target.mediaType !== BLOB_MEDIA_TYPE || endpoint.blobPulls)
  )
}

/** Which pulls at least one endpoint may want. The registry makes no events of the others. */
export interface PullInterest {
  manifests: boolean
  blobs: boolean
}

export function pullInterest(endpoints: readonly EndpointFilter[]): PullInterest {
  const wanting = endpoints.filter((endpoint) => wantsAction(endpoint, 'pull'))
  return {
    manifests: wanting.length > 0,
    blobs: wanting.some(
      (endpoint) => endpoint.blobPulls && wantsMediaType(endpoint, BLOB_MEDIA_TYPE),
    ),
  }
}

function wantsAction(
  { disabled, actions, ignoredActions }: EndpointFilter,
  action: RegistryEvent['action'],
): boolean {
  if (disabled || ignoredActions.includes(action)) return false
  return actions.length === 0 || actions.includes(action)
}

/** Events without a media type (every delete) always pass: otherwise a receiver of manifests would not learn that they are gone. */
function wantsMediaType(
  { mediaTypes, ignoredMediaTypes }: EndpointFilter,
  mediaType: string | undefined,
): boolean {
  if (mediaType === undefined) return true
  if (ignoredMediaTypes.includes(mediaType)) return false
  return mediaTypes.length === 0 || mediaTypes.includes(mediaType)
}

function wantsRepository({ repositories }: EndpointFilter, repository: string): boolean {
  return (
    repositories.length === 0 || repositories.some((pattern) => matchesPattern(pattern, repository))
  )
}
