/** Where the client of a reverse proxy sent its request: `Forwarded` (RFC 7239), and the older `X-Forwarded-*`. */

export interface Forwarded {
  proto: string | undefined
  /** With the port, where it is not the scheme's own. */
  host: string | undefined
}

type Header = (name: string) => string | undefined

/**
 * What the outermost proxy says. `Forwarded` is read only where there is no `X-Forwarded-*`: a proxy that sets the older headers
 * lets a client's own `Forwarded` pass.
 */
export function readForwarded(header: Header): Forwarded {
  const proto = firstOf(header('X-Forwarded-Proto'))
  const host = firstOf(header('X-Forwarded-Host'))
  const port = firstOf(header('X-Forwarded-Port'))
  if (proto === undefined && host === undefined && port === undefined) {
    return parseForwarded(header('Forwarded') ?? '')
  }
  const named = host ?? header('Host')
  const withPort = named !== undefined && port !== undefined && !/:[0-9]+$/.test(named)
  return { proto, host: withPort ? `${named}:${port}` : host }
}

/** Of a list that several proxies added to, the first is the one that the client spoke to. */
function firstOf(list: string | undefined): string | undefined {
  return list?.split(',')[0]?.trim() || undefined
}

/** One `name=value` of RFC 7239, section 4, with what ends it. */
const PAIR =
  /[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+))[ \t]*(;|,|$)/y

/** The first element; nothing of one that is not well-formed. */
function parseForwarded(header: string): Forwarded {
  const element = new Map<string, string>()
  const pair = new RegExp(PAIR)
  for (;;) {
    const match = pair.exec(header)
    if (match === null) return { proto: undefined, host: undefined }
    const [, name = '', quoted, token = '', end] = match
    element.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token)
    if (end !== ';') break
  }
  return { proto: element.get('proto'), host: element.get('host') }
}
