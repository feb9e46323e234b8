/** Requests that no good client sends: hostile names, paths, digests, references, queries, ranges and headers. */
import type { Random } from './random.ts'

export interface BadRequest {
  method: string
  path: string
  headers?: Record<string, string>
  body?: Uint8Array<ArrayBuffer>
}

/** What the registry under attack has: things to hit half. */
export interface Targets {
  repository: string
  manifest: string
  blob: string
  /** Paths of open uploads. */
  uploads: readonly string[]
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'] as const

/** Whole path segments: good ones, nouns of the API, and what has broken servers before. */
const SEGMENTS = [
  'a',
  'app',
  'library',
  'v2',
  '',
  '.',
  '..',
  '...',
  '%2e',
  '%2e%2e',
  '%252e',
  '%2F',
  '%2f..%2f',
  '%252F',
  '%5C',
  '\\',
  '%00',
  'a%00b',
  '%0d%0aX:y',
  '%',
  '%zz',
  '%ff',
  '%c0%ae',
  '%e2%80%ae',
  '+',
  'manifests',
  'blobs',
  'uploads',
  'tags',
  'list',
  'referrers',
  '_catalog',
  'latest',
  '__proto__',
  'constructor',
  'toString',
  'UPPER',
  '-a',
  'a-',
  'a..b',
  'a__b',
  'a___b',
  'localhost:5000',
  ':',
  '@',
  ';',
  "'",
  '"',
  "'--",
  "' OR '1'='1",
  '%27)%3BDROP%20TABLE%20tags%3B--',
  '*',
  '?',
  '#',
  '~',
  '{}',
  '<script>',
  'null',
  'undefined',
  'NaN',
  '0',
  '-1',
  '\u00f6',
  '\u{1f433}',
  '\u202e',
] as const

const NOUNS = ['manifests', 'blobs', 'blobs/uploads', 'tags', 'referrers'] as const

const VALUES = [
  '',
  '0',
  '1',
  '-1',
  '1.5',
  '1e9',
  '0x10',
  '1e999',
  '99999999999999999999',
  '9'.repeat(1000),
  'NaN',
  'Infinity',
  'null',
  'true',
  '[]',
  '{}',
  ' ',
  '%20',
  '%00',
  '%0a',
  '%',
  '%ff',
  '%zz',
  '+',
  "'",
  '"',
  ';--',
  "1' OR '1'='1",
  '1);DELETE FROM tags;--',
  '*',
  '__proto__',
  'constructor',
  '../..',
  '%2e%2e%2f',
  'a/b',
  'a'.repeat(300),
  '\u00f6',
  '\u{1f433}',
  '<script>alert(1)</script>',
  'sha256:',
  ':',
  'latest',
] as const

const PARAMETERS = [
  'n',
  'last',
  'digest',
  'mount',
  'from',
  'tag',
  'artifactType',
  'digest-algorithm',
  'ns',
  '_state',
  '__proto__',
  '',
  'N',
] as const

function segment(random: Random): string {
  if (random.oneIn(20)) return random.text('abc-._/%:', 40)
  if (random.oneIn(40)) return random.text('a-', 3000)
  return random.pick(SEGMENTS)
}

function name(random: Random, { repository }: Targets): string {
  return random.oneIn(3)
    ? repository
    : Array.from({ length: 1 + random.below(5) }, () => segment(random)).join('/')
}

export function badDigest(random: Random, { manifest, blob }: Targets): string {
  const good = random.pick([manifest, blob])
  const hex = '0123456789abcdef'
  switch (random.below(10)) {
    case 0:
      return good
    case 1:
      return good.toUpperCase()
    case 2:
      return good.slice(0, random.below(good.length))
    case 3:
      return good + random.text(hex, 70)
    case 4:
      return good.replace(':', random.pick(['%3a', '%253A', '::', '', '/', '@', '%00:']))
    case 5:
      return `${random.pick(['sha1', 'sha384', 'sha512', 'md5', 'SHA256', '', 'sha256+b64', '__proto__'])}:${random.text(hex, 130)}`
    case 6:
      return `sha256:${random.text(`${hex}gZ%'\u00f6 `, 64)}`
    case 7:
      return `sha256:${'0'.repeat(random.below(5000))}`
    case 8:
      return random.pick(VALUES)
    default:
      return `sha256:${Array.from({ length: 64 }, () => random.pick([...hex])).join('')}`
  }
}

function query(random: Random, targets: Targets): string {
  const pairs = random.list(4, () => {
    const value = random.oneIn(2) ? random.pick(VALUES) : badDigest(random, targets)
    const parameter = random.pick(PARAMETERS)
    return random.oneIn(10) ? parameter : `${parameter}=${value}`
  })
  return pairs.length === 0 ? '' : `?${pairs.join(random.oneIn(10) ? '&&' : '&')}`
}

export function badPath(random: Random, targets: Targets): BadRequest {
  const method = random.pick(METHODS)
  if (random.oneIn(3)) {
    const segments = Array.from({ length: 1 + random.below(8) }, () => segment(random))
    return { method, path: `${random.pick(['/', '/v2/', '//', '/v2//'])}${segments.join('/')}` }
  }
  const last = random.oneIn(3) ? badDigest(random, targets) : segment(random)
  return {
    method,
    path: `/v2/${name(random, targets)}/${random.pick(NOUNS)}/${last}${query(random, targets)}`,
  }
}

export function badReference(random: Random, targets: Targets): BadRequest {
  const noun = random.pick(['manifests', 'blobs', 'referrers', 'blobs/uploads'])
  const last = random.oneIn(4) ? random.text("aZ0_.-:%'@ \u00f6", 140) : badDigest(random, targets)
  return { method: random.pick(METHODS), path: `/v2/${targets.repository}/${noun}/${last}` }
}

export function badQuery(random: Random, targets: Targets): BadRequest {
  const { repository, manifest } = targets
  const [method, path] = random.pick([
    ['GET', '/v2/_catalog'],
    ['GET', `/v2/${repository}/tags/list`],
    ['GET', `/v2/${repository}/referrers/${manifest}`],
    ['POST', `/v2/${repository}/blobs/uploads/`],
    ['PUT', `/v2/${repository}/manifests/${manifest}`],
    ['PUT', random.pick(targets.uploads)],
    ['GET', '/v2/'],
  ] as const)
  return { method, path: `${path}${query(random, targets)}` }
}

function rangeSpec(random: Random): string {
  const number = () =>
    random.pick([
      '',
      '0',
      '1',
      '5',
      '99',
      '100',
      '4096',
      '-1',
      '1.5',
      'x',
      '0x1',
      '9'.repeat(20),
      ' 1',
      '1e3',
      '~',
    ])
  return `${number()}${random.pick(['-', '-', '-', '--', '', ' - ', '/', ','])}${number()}`
}

export function badRange(random: Random, { repository, blob }: Targets): BadRequest {
  const unit = random.pick([
    'bytes=',
    'bytes=',
    'bytes=',
    'bytes',
    'Bytes =',
    'items=',
    '',
    'bytes=bytes=',
  ])
  const count = random.oneIn(10) ? 1 + random.below(300) : 1 + random.below(5)
  const specs = Array.from({ length: count }, () => rangeSpec(random))
  const headers: Record<string, string> = {
    Range: `${unit}${specs.join(random.pick([',', ', ', ';', ',,']))}`,
  }
  if (random.oneIn(5))
    headers['If-Range'] = random.pick(['*', '""', `"${blob}"`, `W/"${blob}"`, 'x', '0'])
  return { method: random.pick(['GET', 'HEAD']), path: `/v2/${repository}/blobs/${blob}`, headers }
}

export function badChunk(random: Random, targets: Targets): BadRequest {
  const path = random.pick(targets.uploads)
  const range = `${random.pick(['', '', 'bytes ', 'bytes=', 'x '])}${rangeSpec(random)}${random.pick(['', '', '/*', '/5', '/x'])}`
  const body = random.bytes(random.below(20))
  const headers: Record<string, string> = random.oneIn(5) ? {} : { 'Content-Range': range }
  if (random.oneIn(2)) headers['Content-Length'] = String(body.length)
  const isLast = random.oneIn(3)
  return {
    method: isLast ? 'PUT' : 'PATCH',
    path: isLast ? `${path}?digest=${badDigest(random, targets)}` : path,
    headers,
    body,
  }
}

export function badHeaders(random: Random, targets: Targets): BadRequest {
  const { repository, manifest, blob } = targets
  const names = [
    'Accept',
    'Authorization',
    'If-None-Match',
    'If-Match',
    'If-Range',
    'Content-Type',
    'Content-Range',
    'Range',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'Host',
    'Origin',
    'Cookie',
    'Expect',
    'X-Request-Id',
  ]
  const headers: Record<string, string> = {}
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    const printable = ' !"#$%&\'()*+,-./0aZ:;<=>?@[\\]^_`{|}~'
    headers[random.pick(names)] = random.oneIn(20)
      ? random.text(printable, 60).repeat(100)
      : random.oneIn(2)
        ? random.text(printable, 60)
        : random.pick([
            '*',
            '*/*',
            'a/b;q=0',
            ',,,',
            ';q=',
            `"${manifest}"`,
            'Basic !',
            'Basic Og==',
            'Bearer x',
            '"',
          ])
  }
  return {
    method: random.pick(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
    path: random.pick([
      '/v2/',
      '/v2/_catalog',
      `/v2/${repository}/tags/list`,
      `/v2/${repository}/manifests/latest`,
      `/v2/${repository}/blobs/${blob}`,
      `/v2/${repository}/blobs/uploads/`,
      random.pick(targets.uploads),
    ]),
    headers,
  }
}
