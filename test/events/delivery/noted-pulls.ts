/** Pulls as an isolate notes them. */
import type { EventContext } from '../../../src/events/delivery/lanes.ts'
import { PullEvents } from '../../../src/events/delivery/pull-events.ts'
import { BLOB_MEDIA_TYPE, type RegistryEvent } from '../../../src/events/model/event.ts'
import { anEvent, EVENTS, type endpointFor, Transport } from '../support.ts'

export const ONE = { name: 'one' }

export function manifestPull(): RegistryEvent {
  return anEvent({ mediaType: 'application/vnd.oci.image.manifest.v1+json' }, 'pull')
}

export function blobPull(): RegistryEvent {
  return anEvent({ mediaType: BLOB_MEDIA_TYPE }, 'pull')
}

/** An isolate, and its requests: each may promise work that outlives it. */
export function isolate(...endpoints: ReturnType<typeof endpointFor>[]) {
  const transport = new Transport(endpoints)
  const pulls = new PullEvents()
  const work: Promise<unknown>[] = []
  const made = { count: 0 }
  const note = (
    event: RegistryEvent,
    context: EventContext = transport.context,
    waitUntil = (promise: Promise<unknown>) => void work.push(promise),
  ) => {
    const kind = event.target.mediaType === BLOB_MEDIA_TYPE ? 'blobs' : 'manifests'
    pulls.note(
      kind,
      () => {
        made.count += 1
        return event
      },
      context,
      waitUntil,
    )
  }
  const done = async () => {
    await Promise.all(work.splice(0))
    return transport.bodies(EVENTS)
  }
  return { transport, note, done, work, made }
}
