/**
 * Whether a client takes each request on an upload to the Location of the answer before it (OCI distribution spec, "Pushing a blob
 * in chunks"). A registry may change the Location with every answer, so a client that keeps to the first one may fail.
 */
import assert from 'node:assert/strict'
import { type Exchange, recordingProxy } from './recording-proxy.ts'

/**
 * Records what `push` sends to the registry at `target`.
 * @param push is given the `host:port` to push to
 * @returns the requests of each kind of finished upload, sorted: `POST PATCH PUT`
 * @throws {AssertionError} when a request on an upload does not go to the Location of the answer before it
 */
export async function uploadsOf(
  target: string,
  push: (host: string) => Promise<unknown>,
): Promise<string[]> {
  const proxy = await recordingProxy(target)
  try {
    await push(proxy.host)
  } finally {
    proxy.close()
  }
  return followedUploads(proxy.exchanges)
}

/** The same for what a recording proxy has noted. */
export function followedUploads(exchanges: readonly Exchange[]): string[] {
  /** The requests of each unfinished upload, by the place where the next one must go. */
  const unfinished = new Map<string, string>()
  const finished = new Set<string>()
  for (const { method, url, status, answer } of exchanges) {
    if (!isUpload(url)) continue
    let requests = method
    let place = placeOf(url)
    if (method !== 'POST') {
      const before = unfinished.get(place)
      assert.ok(before, `${method} ${url}: no answer before it had this Location`)
      unfinished.delete(place)
      requests = `${before} ${method}`
    }
    if (status === 201) finished.add(requests)
    if (isUpload(answer.location)) place = placeOf(answer.location)
    // An answer without a Location, as 401 is, leaves the upload where it was.
    if (status !== 201) unfinished.set(place, requests)
  }
  return [...finished].sort()
}

function isUpload(location: string | undefined): location is string {
  return location?.includes('/blobs/uploads/') === true
}

/** Path and query of an upload, without the digest that a client adds. */
function placeOf(location: string): string {
  const { pathname, searchParams } = new URL(location, 'http://localhost')
  searchParams.delete('digest')
  return `${pathname}?${searchParams}`
}
