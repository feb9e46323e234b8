/** Which events an endpoint wants: what it ignores, as in docker/distribution, and what it asks for. */
import { matchesPattern } from '../../lib/repository-pattern.ts'
import { BLOB_MEDIA_TYPE, type EventTarget, type RegistryEvent } from '../model/event.ts'
import type { Endpoint } from './endpoint.ts'

/** Of an endpoint's filters an empty list lets everything pass. */
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

/** Which pulls any of the endpoints could want: of the others no event need be made. */
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

/** What has no media type, every delete, is not kept back for it: a receiver of manifests would miss that they are gone. */
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
