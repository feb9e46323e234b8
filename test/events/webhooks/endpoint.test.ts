import { describe, expect, it } from 'vitest'
import { endpointOf, parseEndpoints } from '../../../src/events/webhooks/endpoint.ts'

const OPTIONS = { allowLoopback: false, hosts: [] }
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OLDER = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
const URL = 'https://hooks.example.com/berth'

function parse(...endpoints: unknown[]) {
  return parseEndpoints(JSON.stringify(endpoints), OPTIONS)
}

describe('parseEndpoints', () => {
  it('reads an endpoint of docker/distribution', () => {
    const [endpoint] = parse({
      name: 'alistener',
      disabled: false,
      url: 'https://my.listener.com/event',
      headers: { Authorization: ['Bearer x', 'Bearer y'], 'X-One': 'z' },
      timeout: '500ms',
      threshold: 5,
      backoff: '1s',
      ignoredmediatypes: ['application/octet-stream'],
      ignore: { mediatypes: ['a/b'], actions: ['pull'] },
    })
    expect(endpoint).toEqual({
      name: 'alistener',
      url: 'https://my.listener.com/event',
      headers: [
        ['Authorization', 'Bearer x'],
        ['Authorization', 'Bearer y'],
        ['X-One', 'z'],
      ],
      timeoutMs: 500,
      threshold: 5,
      backoffMs: 1000,
      disabled: false,
      ignoredMediaTypes: ['application/octet-stream', 'a/b'],
      ignoredActions: ['pull'],
      repositories: [],
      actions: [],
      mediaTypes: [],
      blobPulls: false,
      references: false,
      format: 'v1',
      secrets: [],
    })
  })

  it("reads Berth's own fields", () => {
    const written = {
      name: 'a',
      url: URL,
      repositories: ['team/**', 'x'],
      actions: ['push', 'delete'],
      mediaTypes: ['a/b'],
      blobPulls: true,
      references: true,
      format: 'cloudevents',
    } as const
    expect(parse({ ...written, secret: SECRET })[0]).toMatchObject({
      ...written,
      secrets: [SECRET],
    })
    expect(parse({ ...written, secret: [SECRET, OLDER] })[0]?.secrets).toEqual([SECRET, OLDER])
  })

  it('has defaults: 5 seconds, 10 failures, a minute', () => {
    expect(parse({ name: 'a', url: URL })[0]).toMatchObject({
      timeoutMs: 5000,
      threshold: 10,
      backoffMs: 60_000,
    })
    expect(endpointOf({ name: 'a', url: URL })).toEqual(parse({ name: 'a', url: URL })[0])
  })

  it('reads durations in milliseconds too', () => {
    expect(parse({ name: 'a', url: URL, timeout: 250, backoff: 3_600_000 })[0]).toMatchObject({
      timeoutMs: 250,
      backoffMs: 3_600_000,
    })
  })

  it('reads an empty list, and several endpoints', () => {
    expect(parse()).toEqual([])
    expect(parse({ name: 'a', url: URL }, { name: 'b', url: URL })).toHaveLength(2)
  })

  it('allows endpoints on this machine only with ALLOW_LOOPBACK', () => {
    const json = JSON.stringify([{ name: 'a', url: 'http://127.0.0.1:8080/' }])
    expect(() => parseEndpoints(json, OPTIONS)).toThrow('endpoint "a": url: ')
    expect(parseEndpoints(json, { allowLoopback: true, hosts: [] })).toHaveLength(1)
  })
})

describe('parseEndpoints refuses', () => {
  it.each<[string, string]>([
    ['', 'takes a JSON list of endpoints, and this is not JSON'],
    ['{"secret":"hush"', 'takes a JSON list of endpoints, and this is not JSON'],
    ['{}', 'takes a JSON list of endpoints'],
    ['null', 'takes a JSON list of endpoints'],
    ['[null]', 'endpoint 1: takes an object'],
    ['["https://a.example.com"]', 'endpoint 1: takes an object'],
    ['[{}]', 'endpoint 1: name: takes a name'],
    ['[{"name":7}]', 'endpoint 1: name: takes a name'],
    ['[{"name":"a"}]', 'endpoint "a": url: takes a URL'],
  ])('%s', (json, message) => {
    expect(() => parseEndpoints(json, OPTIONS)).toThrow(new Error(message))
  })

  const ACTIONS = 'push, pull, mount, delete'
  const NAME =
    'name: takes 1 to 64 characters of A-Z, a-z, 0-9, ".", "_" and "-", the first a letter or a digit'
  const TIMEOUT = 'timeout: takes a duration from 1ms to 30s, such as "500ms" or "5s"'
  const BACKOFF = 'backoff: takes a duration from 1ms to 1h, such as "1s" or "5m"'
  const THRESHOLD = 'threshold: takes a whole number from 1 to 1000'
  const HEADERS = 'headers: has an invalid header name, or a header that the registry sets itself'
  const SECRET_TAKES = 'takes "whsec_" and 24 to 64 random bytes in base64'
  const SECRETS = 'secret: takes a secret, or a list of the current and the previous secret'

  it.each<[Record<string, unknown>, string]>([
    [{ name: '' }, `endpoint "": ${NAME}`],
    [{ name: 'a b' }, `endpoint "a b": ${NAME}`],
    [{ name: '.a' }, `endpoint ".a": ${NAME}`],
    [{ name: 'a'.repeat(65) }, `endpoint "${'a'.repeat(65)}": ${NAME}`],
    [{ url: 7 }, 'endpoint "a": url: takes a URL'],
    [{ url: 'http://hooks.example.com/' }, 'endpoint "a": url: the URL must begin with https://'],
    [{ timeouts: '1s' }, 'endpoint "a": timeouts: there is no such field'],
    [{ Timeout: '1s' }, 'endpoint "a": Timeout: there is no such field'],
    [{ ignore: { media: [] } }, 'endpoint "a": ignore.media: there is no such field'],
    [{ ignore: [] }, 'endpoint "a": ignore: takes an object with mediatypes and actions'],
    [{ ignore: { actions: ['steal'] } }, `endpoint "a": ignore.actions[0]: takes ${ACTIONS}`],
    [{ ignore: { actions: 'pull' } }, `endpoint "a": ignore.actions: takes a list of ${ACTIONS}`],
    [
      { ignore: { mediatypes: 'a' } },
      'endpoint "a": ignore.mediatypes: takes a list of media types',
    ],
    [{ ignoredmediatypes: [7] }, 'endpoint "a": ignoredmediatypes[0]: takes media types'],
    [{ timeout: '0s' }, `endpoint "a": ${TIMEOUT}`],
    [{ timeout: '-1s' }, `endpoint "a": ${TIMEOUT}`],
    [{ timeout: '31s' }, `endpoint "a": ${TIMEOUT}`],
    [{ timeout: 30_001 }, `endpoint "a": ${TIMEOUT}`],
    [{ timeout: '5' }, `endpoint "a": ${TIMEOUT}`],
    [{ timeout: null }, `endpoint "a": ${TIMEOUT}`],
    [{ timeout: 'soon' }, `endpoint "a": ${TIMEOUT}`],
    [{ backoff: '61m' }, `endpoint "a": ${BACKOFF}`],
    [{ backoff: 0 }, `endpoint "a": ${BACKOFF}`],
    [{ threshold: 0 }, `endpoint "a": ${THRESHOLD}`],
    [{ threshold: 1001 }, `endpoint "a": ${THRESHOLD}`],
    [{ threshold: 1.5 }, `endpoint "a": ${THRESHOLD}`],
    [{ threshold: '5' }, `endpoint "a": ${THRESHOLD}`],
    [{ disabled: 'true' }, 'endpoint "a": disabled: takes true or false'],
    [{ blobPulls: 1 }, 'endpoint "a": blobPulls: takes true or false'],
    [{ references: null }, 'endpoint "a": references: takes true or false'],
    [{ headers: [] }, 'endpoint "a": headers: takes an object of header names and values'],
    [{ headers: { 'X A': 'b' } }, `endpoint "a": ${HEADERS}`],
    [{ headers: { 'X-A\r\nX-B': 'b' } }, `endpoint "a": ${HEADERS}`],
    [{ headers: { '': 'b' } }, `endpoint "a": ${HEADERS}`],
    [{ headers: { 'content-type': 'b' } }, `endpoint "a": ${HEADERS}`],
    [{ headers: { 'Content-Length': '1' } }, `endpoint "a": ${HEADERS}`],
    [{ headers: { Host: 'b' } }, `endpoint "a": ${HEADERS}`],
    [{ headers: { 'Webhook-Signature': 'b' } }, `endpoint "a": ${HEADERS}`],
    [{ headers: { 'Transfer-Encoding': 'b' } }, `endpoint "a": ${HEADERS}`],
    [
      { headers: { 'X-A': 'b\r\nX-B: c' } },
      'endpoint "a": headers.X-A: takes printable ASCII without spaces at its ends',
    ],
    [
      { headers: { 'X-A': ['b', 'c '] } },
      'endpoint "a": headers.X-A[1]: takes printable ASCII without spaces at its ends',
    ],
    [
      { headers: { 'X-A': 7 } },
      'endpoint "a": headers.X-A: takes text in printable ASCII, or a list',
    ],
    [
      { repositories: ['team*'] },
      'endpoint "a": repositories[0]: takes repository patterns: "team/app", "team/*" or "team/**"',
    ],
    [{ repositories: 'team/*' }, 'endpoint "a": repositories: takes a list of repository patterns'],
    [{ actions: ['push', 'PULL'] }, `endpoint "a": actions[1]: takes ${ACTIONS}`],
    [{ mediaTypes: 'a/b' }, 'endpoint "a": mediaTypes: takes a list of media types'],
    [{ format: 'v3' }, 'endpoint "a": format: takes v1, v2, cloudevents'],
    [{ secret: 'password' }, `endpoint "a": secret: ${SECRET_TAKES}`],
    [{ secret: [SECRET, 'password'] }, `endpoint "a": secret[1]: ${SECRET_TAKES}`],
    [{ secret: 7 }, `endpoint "a": ${SECRETS}`],
    [{ secret: [] }, `endpoint "a": ${SECRETS}`],
    [{ secret: [SECRET, SECRET, SECRET] }, `endpoint "a": ${SECRETS}`],
    [{ secret: '' }, `endpoint "a": secret: ${SECRET_TAKES}`],
  ])('%o', (fields, message) => {
    const written = { name: 'a', url: URL, ...fields }
    expect(() => parse(written)).toThrow(new Error(message))
  })

  it('a name that comes twice', () => {
    const message = 'endpoint "b": name: another endpoint has the same name'
    const [a, b] = ['a', 'b'].map((name) => ({ name, url: URL }))
    expect(() => parse(a, b, b)).toThrow(new Error(message))
  })

  it('the wrong endpoint by its name, not its neighbour', () => {
    const wrong = { name: 'b', url: URL, format: 'x' }
    expect(() => parse({ name: 'a', url: URL }, wrong)).toThrow('endpoint "b": format: ')
    expect(() => parse({ name: 'a', url: URL }, { url: URL })).toThrow('endpoint 2: name: ')
  })
})
