/**
 * Marks of deletions, in the cache of this location. They keep a replica that lags from showing deleted content here. A mark only
 * makes a request ask the primary, so it does no harm if the same content is pushed again.
 */
import { logError } from '../../lib/log.ts'

/** No replica lags for this long. */
const MARK_SECONDS = 24 * 60 * 60

/** Never fails: the content is deleted without the mark, too, and a replica that lags catches up. */
export async function markDeleted(key: string): Promise<void> {
  const headers = { 'Cache-Control': `max-age=${MARK_SECONDS}` }
  try {
    const cache = await caches.open('deleted')
    await cache.put(urlOf(key), new Response('', { headers }))
  } catch (error) {
    logError({ message: 'a deletion was not marked', key }, error)
  }
}

/** Whether one of `keys` has a mark here. True also if the cache does not answer. */
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
