/** The URL that the client sent to a reverse proxy: `Forwarded` (RFC 7239), and the older `X-Forwarded-*`. */

export interface Forwarded {
  proto: string | undefined
  /** With the port, unless it is the scheme's default. */
  host: string | undefined
}

type Header = (name: string) => string | undefined

/**
 * The values of the outermost proxy. `Forwarded` is read only without `X-Forwarded-*`: a proxy that sets the older headers passes a
 * client's `Forwarded` on unchanged.
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

/** Each proxy appends to the list; the client talked to the first one. */
function firstOf(list: string | undefined): string | undefined {
  return list?.split(',')[0]?.trim() || undefined
}

/** One `name=value` of RFC 7239, section 4, with its separator. */
const PAIR =
  /[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+))[ \t]*(;|,|$)/y

/** The first element; undefined values if it is malformed. */
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
