/** Endpoints: where events are delivered, and which events each endpoint wants. The `WEBHOOKS` variable is a list of endpoints. */
import * as v from 'valibot'
import { type AddressOptions, addressProblem } from '../../lib/outgoing-address.ts'
import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import { isUnknownKey, memberPath } from '../../lib/schemas.ts'
import type { Format } from '../model/envelope.ts'
import type { EventAction } from '../model/event.ts'
import { EndpointConfiguration, millisecondsOf } from './endpoint-configuration.ts'

export interface Endpoint {
  name: string
  url: string
  /** Sent with every delivery. A name may occur more than once. */
  headers: readonly (readonly [string, string])[]
  /** Milliseconds for one attempt, from connecting to the end of the answer. */
  timeoutMs: number
  /** After this many failures in a row, nothing is sent for `backoffMs`. */
  threshold: number
  backoffMs: number
  disabled: boolean
  ignoredMediaTypes: readonly string[]
  ignoredActions: readonly EventAction[]
  /** For this and the next two lists, empty means all. */
  repositories: readonly RepositoryPattern[]
  actions: readonly EventAction[]
  mediaTypes: readonly string[]
  /** Whether pulls of blobs are wanted too. One pull of an image makes several. */
  blobPulls: boolean
  /** Whether a manifest's event lists its references. */
  references: boolean
  format: Format
  /** The secrets that sign, the current one first. Empty for no signature. */
  secrets: readonly string[]
}

/** docker/distribution has 1s, 10 and 1s. Here each wait costs a queue operation, and a receiver may need time to wake up. */
const DEFAULTS = { timeoutMs: 5000, threshold: 10, backoffMs: 60_000 }

/** The configured endpoint, with defaults for the fields that are left out. */
export function endpointOf(written: EndpointConfiguration): Endpoint {
  const { name, url, timeout, threshold, backoff, ignore, secret } = written
  return {
    name,
    url,
    headers: Object.entries(written.headers ?? {}).flatMap(([header, values]) =>
      [values].flat().map((value): [string, string] => [header, value]),
    ),
    timeoutMs: timeout === undefined ? DEFAULTS.timeoutMs : millisecondsOf(timeout),
    threshold: threshold ?? DEFAULTS.threshold,
    backoffMs: backoff === undefined ? DEFAULTS.backoffMs : millisecondsOf(backoff),
    disabled: written.disabled ?? false,
    ignoredMediaTypes: [...(written.ignoredmediatypes ?? []), ...(ignore?.mediatypes ?? [])],
    ignoredActions: ignore?.actions ?? [],
    repositories: written.repositories ?? [],
    actions: written.actions ?? [],
    mediaTypes: written.mediaTypes ?? [],
    blobPulls: written.blobPulls ?? false,
    references: written.references ?? false,
    format: written.format ?? 'v1',
    secrets: secret === undefined ? [] : [secret].flat(),
  }
}

/**
 * Reads the `WEBHOOKS` variable: a JSON list of endpoints with unique names.
 * @throws {Error} for the first problem. The message names the endpoint and the field, and repeats no value except the endpoint's name
 */
export function parseEndpoints(json: string, options: AddressOptions): Endpoint[] {
  const written = parseJson(json)
  const result = v.safeParse(v.array(EndpointConfiguration, NO_LIST), written)
  if (!result.success) throw new Error(issueProblem(result.issues[0], written))
  const names = new Set<string>()
  return result.output.map((configuration) => {
    const { name, url } = configuration
    if (names.has(name))
      throw new Error(`endpoint "${name}": name: another endpoint has the same name`)
    names.add(name)
    const problem = addressProblem(url, options)
    if (problem !== null) throw new Error(`endpoint "${name}": url: ${problem}`)
    return endpointOf(configuration)
  })
}

const NO_LIST = 'takes a JSON list of endpoints'

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // The message of JSON.parse quotes the text.
    throw new Error(`${NO_LIST}, and this is not JSON`)
  }
}

function issueProblem(issue: v.BaseIssue<unknown>, written: unknown): string {
  const [index, ...path] = issue.path?.map(({ key }) => key) ?? []
  if (typeof index !== 'number') return issue.message
  const problem = isUnknownKey(issue) ? 'there is no such field' : issue.message
  const field = path.length === 0 ? '' : `${memberPath(path)}: `
  return `${endpointName(written, index)}: ${field}${problem}`
}

/** The endpoint's name, or its position in the list if it has none. */
function endpointName(written: unknown, index: number): string {
  const endpoint: unknown = Array.isArray(written) ? written[index] : undefined
  const hasName = endpoint instanceof Object && 'name' in endpoint
  return hasName && typeof endpoint.name === 'string'
    ? `endpoint ${JSON.stringify(endpoint.name)}`
    : `endpoint ${index + 1}`
}
