/** The keys that sign the registry's bearer tokens. */
import * as v from 'valibot'
import { rotateTokenKeys } from '../../auth/token-keys.ts'
import { noteMade } from '../../store/audit.ts'
import { changedBy } from './caller.ts'
import { operation } from './operation.ts'

export const tokenKeys = [
  operation({
    id: 'rotateTokenKeys',
    method: 'post',
    path: '/token-keys/rotate',
    summary: 'Sign bearer tokens with a new key from now on',
    description: 'Tokens that the old key signed stay valid until they expire.',
    access: 'admin',
    request: v.object({}),
    status: 200,
    answer: v.object({
      rotated: v.pipe(v.boolean(), v.description('Not where no token was signed yet')),
    }),
    async handle(_, c) {
      const by = changedBy(c)
      const rotated = await rotateTokenKeys(c.var.db, by.at, 'now')
      const change = { action: 'token-keys.rotate', target: '', detail: {} }
      if (rotated) await noteMade(c.var.db, by, change)
      return { rotated }
    },
  }),
]
