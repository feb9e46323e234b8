/**
 * The written form of endpoints: docker/distribution's `notifications.endpoints` in JSON, with some fields of Berth. Messages say what a
 * field takes, and never repeat a value: it may be a secret.
 */
import * as v from 'valibot'
import { isRepositoryPattern } from '../../lib/repository-pattern.ts'
import { plainObject } from '../../lib/schemas.ts'
import { FORMATS } from '../model/envelope.ts'
import { EVENT_ACTIONS } from '../model/event.ts'
import { parseDuration } from './duration.ts'
import { isSecret } from './signature.ts'

const MAX_TIMEOUT_MS = 30_000
const MAX_BACKOFF_MS = 60 * 60_000

/** Headers that every delivery sets, and headers of the connection. */
const RESERVED_HEADER =
  /^(?:content-.+|webhook-.+|host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect)$/i

/** RFC 9110, 5.1. */
function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name) && !RESERVED_HEADER.test(name)
}

// RFC 9110, 5.5, without obs-text: programs decode it differently.
const HEADER_VALUE = /^[!-~](?:[\t -~]{0,4094}[!-~])?$/

/** Any text is accepted. A media type that no event has matches nothing. */
const mediaTypes = v.array(v.string('takes media types'), 'takes a list of media types')

const actions = v.array(
  v.picklist(EVENT_ACTIONS, `takes ${EVENT_ACTIONS.join(', ')}`),
  `takes a list of ${EVENT_ACTIONS.join(', ')}`,
)

const flag = v.boolean('takes true or false')

function duration(maxMs: number, takes: string) {
  return v.pipe(
    v.union([v.string(), v.number()], takes),
    v.check((value) => millisecondsOf(value) >= 1 && millisecondsOf(value) <= maxMs, takes),
  )
}

/** A number is in milliseconds. NaN if the text is not a duration. */
export function millisecondsOf(value: string | number): number {
  return typeof value === 'number' ? value : (parseDuration(value) ?? Number.NaN)
}

const headerValue = v.pipe(
  v.string(),
  v.regex(HEADER_VALUE, 'takes printable ASCII without spaces at its ends'),
)

const secret = v.pipe(
  v.string(),
  v.check(isSecret, 'takes "whsec_" and 24 to 64 random bytes in base64'),
)

const THRESHOLD = 'takes a whole number from 1 to 1000'

const SECRETS = 'takes a secret, or a list of the current and the previous secret'

const NAME = 'takes a name'
const URL_TEXT = 'takes a URL'

/** The message for an endpoint that is not an object, or lacks a field. For a missing field it says what the field takes. */
export function takes({ path }: v.StrictObjectIssue): string {
  const field = path?.[0]?.key
  if (field === 'name') return NAME
  return field === 'url' ? URL_TEXT : 'takes an object'
}

/** An endpoint as written. Its URL must also pass addressProblem. */
export const EndpointConfiguration = v.strictObject(
  {
    name: v.pipe(
      v.string(NAME),
      v.regex(
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
        'takes 1 to 64 characters of A-Z, a-z, 0-9, ".", "_" and "-", the first a letter or a digit',
      ),
    ),
    url: v.string(URL_TEXT),
    headers: v.optional(
      v.pipe(
        plainObject('takes an object of header names and values'),
        v.record(
          v.string(),
          v.union([headerValue, v.array(headerValue)], 'takes text in printable ASCII, or a list'),
        ),
        v.check(
          (headers) => Object.keys(headers).every(isHeaderName),
          'has an invalid header name, or a header that the registry sets itself',
        ),
      ),
    ),
    timeout: v.optional(
      duration(MAX_TIMEOUT_MS, 'takes a duration from 1ms to 30s, such as "500ms" or "5s"'),
    ),
    threshold: v.optional(
      v.pipe(
        v.number(THRESHOLD),
        v.integer(THRESHOLD),
        v.minValue(1, THRESHOLD),
        v.maxValue(1000, THRESHOLD),
      ),
    ),
    backoff: v.optional(
      duration(MAX_BACKOFF_MS, 'takes a duration from 1ms to 1h, such as "1s" or "5m"'),
    ),
    disabled: v.optional(flag),
    ignoredmediatypes: v.optional(mediaTypes),
    ignore: v.optional(
      v.pipe(
        plainObject('takes an object with mediatypes and actions'),
        v.strictObject({ mediatypes: v.optional(mediaTypes), actions: v.optional(actions) }),
      ),
    ),
    repositories: v.optional(
      v.array(
        v.pipe(
          v.string('takes repository patterns'),
          v.check(
            isRepositoryPattern,
            'takes repository patterns: "team/app", "team/*" or "team/**"',
          ),
        ),
        'takes a list of repository patterns',
      ),
    ),
    actions: v.optional(actions),
    mediaTypes: v.optional(mediaTypes),
    blobPulls: v.optional(flag),
    references: v.optional(flag),
    format: v.optional(v.picklist(FORMATS, `takes ${FORMATS.join(', ')}`)),
    secret: v.optional(
      v.union(
        [secret, v.pipe(v.array(secret), v.minLength(1, SECRETS), v.maxLength(2, SECRETS))],
        SECRETS,
      ),
    ),
  },
  takes,
)

export type EndpointConfiguration = v.InferOutput<typeof EndpointConfiguration>
