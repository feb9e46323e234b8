/**
 * How endpoints are written: as docker/distribution writes its `notifications.endpoints`, in JSON, with fields of Berth's own.
 * Messages say what a field takes, and repeat no value: it may be a secret.
 */
import * as z from 'zod/mini'
import { isRepositoryPattern } from '../lib/repository-pattern.ts'
import { parseDuration } from './duration.ts'
import { FORMATS } from './envelope.ts'
import { EVENT_ACTIONS } from './event.ts'
import { isSecret } from './signature.ts'

const MAX_TIMEOUT_MS = 30_000
const MAX_BACKOFF_MS = 60 * 60_000

/** What a delivery says of itself, and what belongs to the connection. */
const RESERVED_HEADER =
  /^(?:content-.+|webhook-.+|host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect)$/i

/** RFC 9110, 5.1. */
function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name) && !RESERVED_HEADER.test(name)
}

// RFC 9110, 5.5; no obs-text, about which programs do not agree.
const HEADER_VALUE = /^[!-~](?:[\t -~]{0,4094}[!-~])?$/

/** Any text is a media type that can be ignored; one that no event has ignores nothing. */
const mediaTypes = z.array(z.string('takes media types'), 'takes a list of media types')

const actions = z.array(
  z.enum(EVENT_ACTIONS, `takes ${EVENT_ACTIONS.join(', ')}`),
  `takes a list of ${EVENT_ACTIONS.join(', ')}`,
)

const flag = z.boolean('takes true or false')

function duration(maxMs: number, takes: string) {
  return z
    .union([z.string(), z.number()], takes)
    .check(z.refine((value) => millisecondsOf(value) >= 1 && millisecondsOf(value) <= maxMs, takes))
}

/** A number is of milliseconds; the result is not a number for what is no duration. */
export function millisecondsOf(value: string | number): number {
  return typeof value === 'number' ? value : (parseDuration(value) ?? Number.NaN)
}

const headerValue = z
  .string()
  .check(z.regex(HEADER_VALUE, 'takes printable ASCII without spaces at its ends'))

const secret = z
  .string()
  .check(z.refine(isSecret, 'takes "whsec_" and 24 to 64 random bytes in base64'))

const SECRETS = 'takes a secret, or a list of the current one and the one before'

/** An endpoint as it is written. The URL has to pass addressProblem, too. */
export const EndpointConfiguration = z.strictObject(
  {
    name: z
      .string('takes a name')
      .check(
        z.regex(
          /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
          'takes 1 to 64 characters of A-Z, a-z, 0-9, ".", "_" and "-", the first a letter or a digit',
        ),
      ),
    url: z.string('takes a URL'),
    headers: z.optional(
      z
        .record(
          z.string(),
          z.union([headerValue, z.array(headerValue)], 'takes text in printable ASCII, or a list'),
          'takes an object of header names and values',
        )
        .check(
          z.refine(
            (headers) => Object.keys(headers).every(isHeaderName),
            'has what is no header name, or a header that the registry sets itself',
          ),
        ),
    ),
    timeout: z.optional(
      duration(MAX_TIMEOUT_MS, 'takes a duration such as "500ms" or "5s", of 1ms to 30s'),
    ),
    threshold: z.optional(
      z
        .int('takes a whole number from 1 to 1000')
        .check(
          z.minimum(1, 'takes a whole number from 1 to 1000'),
          z.maximum(1000, 'takes a whole number from 1 to 1000'),
        ),
    ),
    backoff: z.optional(
      duration(MAX_BACKOFF_MS, 'takes a duration such as "1s" or "5m", of 1ms to 1h'),
    ),
    disabled: z.optional(flag),
    ignoredmediatypes: z.optional(mediaTypes),
    ignore: z.optional(
      z.strictObject(
        { mediatypes: z.optional(mediaTypes), actions: z.optional(actions) },
        'takes an object with mediatypes and actions',
      ),
    ),
    repositories: z.optional(
      z.array(
        z
          .string('takes repository patterns')
          .check(
            z.refine(
              isRepositoryPattern,
              'takes repository patterns: "team/app", "team/*" or "team/**"',
            ),
          ),
        'takes a list of repository patterns',
      ),
    ),
    actions: z.optional(actions),
    mediaTypes: z.optional(mediaTypes),
    blobPulls: z.optional(flag),
    references: z.optional(flag),
    format: z.optional(z.enum(FORMATS, `takes ${FORMATS.join(', ')}`)),
    secret: z.optional(
      z.union(
        [secret, z.array(secret).check(z.minLength(1, SECRETS), z.maxLength(2, SECRETS))],
        SECRETS,
      ),
    ),
  },
  'takes an object',
)

export type EndpointConfiguration = z.infer<typeof EndpointConfiguration>
