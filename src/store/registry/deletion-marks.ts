/**
 * What was deleted at this location: marks in its cache, so that a replica that has not heard of it does not bring it back here.
 * A mark only says that the primary has to be asked, and does no harm where the same content was pushed again.
 */
import { logError } from '../../lib/log.ts'

/** No replica lags for so long. */
const MARK_SECONDS = 24 * 60 * 60

/** Never fails: what is deleted stays deleted, and a replica that lags catches up. */
export async function markDeleted(key: string): Promise<void> {
  const headers = { 'Cache-Control': `max-age=${MARK_SECONDS}` }
  try {
    const cache = await caches.open('deleted')
    await cache.put(urlOf(key), new Response('', { headers }))
  } catch (error) {
    logError({ message: 'a deletion was not marked', key }, error)
  }
}

/** Whether one of `keys` has a mark here, or that cannot be told. */
export async function isMarkedDeleted(keys: readonly string[]): Promise<boolean> {
  try {
    const cache = await caches.open('deleted')
    const marks = await Promise.all(keys.map((key) => cache.match(urlOf(key))))
    return marks.some((mark) => mark !== undefined)
  } catch (error) {
    logError({ message: 'the deletion marks were not read', keys }, error)
    return true
  }
}

function urlOf(key: string): string {
  return `https://deleted.berth.internal/${encodeURIComponent(key)}`
}
