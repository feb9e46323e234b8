/** If-Match and If-None-Match of requests that change a manifest or a tag (RFC 9110, 13.1). */
import type { Context } from 'hono'
import { type Preconditions, preconditions } from '../../lib/conditional.ts'
import type { AppEnv } from '../middleware/context.ts'

export function preconditionsOf(c: Context<AppEnv>): Preconditions {
  return preconditions(c.req.header('If-Match'), c.req.header('If-None-Match'))
}
