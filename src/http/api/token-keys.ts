/** The keys that sign the registry's bearer tokens. */
import * as v from 'valibot'
import { rotateTokenKeys } from '../../auth/tokens/token-keys.ts'
import { noteMade } from '../../store/access/audit.ts'
import { changedBy } from './caller.ts'
import { operation } from './operation.ts'

export const tokenKeys = [
  operation({
    id: 'rotateTokenKeys',
    method: 'post',
    path: '/token-keys/rotate',
    summary: 'Sign bearer tokens with a new key from now on',
    description:
      'Tokens that the old keys signed stay valid until they expire. With `{"revoke": true}`, all bearer ' +
      'and refresh tokens of all callers end within 60 seconds. Passwords and access tokens stay valid.',
    access: 'admin',
    request: v.object({
      body: v.optional(v.strictObject({ revoke: v.optional(v.boolean(), false) })),
    }),
    status: 200,
    answer: v.object({
      rotated: v.pipe(v.boolean(), v.description('False if no token was ever signed')),
    }),
    async handle({ body }, c) {
      const by = changedBy(c)
      const revoke = body?.revoke === true
      const rotated = await rotateTokenKeys(c.var.db, by.at, revoke ? 'revoke' : 'now')
      const change = { action: 'token-keys.rotate', target: '', detail: { revoke } }
      if (rotated) await noteMade(c.var.db, by, change)
      return { rotated }
    },
  }),
]
