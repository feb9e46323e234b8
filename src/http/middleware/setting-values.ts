/** Parsers of settings that take more than a line. */

export interface PublicUrl {
  origin: string
  /** Empty, or a path without a trailing slash. */
  pathPrefix: string
}

/** @throws {Error} that says which values are accepted */
export function parsePublicUrl(text: string): PublicUrl {
  const url = URL.parse(text)
  const plain = url !== null && url.search === '' && url.hash === '' && url.username === ''
  const pathPrefix = url?.pathname.replace(/\/+$/, '') ?? ''
  // A path that begins with two slashes would name another host in a relative URL, as in a Link.
  if (!plain || !/^https?:$/.test(url.protocol) || pathPrefix.includes('//')) {
    throw new Error(
      'an http or https URL without a query or an empty path segment, such as https://registry.example.com',
    )
  }
  return { origin: url.origin, pathPrefix }
}

/** @throws {Error} that says which values are accepted */
export function parseResponseHeaders(json: string): readonly (readonly [string, string])[] {
  try {
    const parsed: unknown = JSON.parse(json)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error()
    const entries = Object.entries(parsed).map(([name, text]): [string, string] => {
      if (typeof text !== 'string') throw new Error()
      return [name, text]
    })
    // Headers throws for an invalid header name or value.
    new Headers(entries)
    return entries
  } catch {
    throw new Error('a JSON object of header names and values, such as {"X-Region":"eu"}')
  }
}
