/** If-Match and If-None-Match of requests that change a manifest or a tag (RFC 9110, 13.1). */
import type { Context } from 'hono'
import { type Preconditions, preconditions } from '../lib/conditional.ts'
import { RegistryError } from '../oci/errors.ts'
import type { Subject } from '../store/preconditions.ts'
import type { AppEnv } from './context.ts'

export function preconditionsOf(c: Context<AppEnv>): Preconditions {
  return preconditions(c.req.header('If-Match'), c.req.header('If-None-Match'))
}

export function preconditionFailed(subject: Subject): RegistryError {
  return new RegistryError('DENIED', {
    status: 412,
    message:
      'tag' in subject
        ? 'the tag is not what If-Match or If-None-Match asks for: read it again'
        : 'the manifest is not what If-Match or If-None-Match asks for',
    detail: 'tag' in subject ? { Tag: subject.tag } : { Digest: subject.digest },
  })
}
