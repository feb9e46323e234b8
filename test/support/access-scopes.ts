/** What bearer tokens of the matrix are asked for. */
import type { Env } from '../../src/http/middleware/context.ts'
import type { Asked } from './access-model.ts'
import { closed, REPOSITORIES } from './access-world.ts'
import { send } from './registry.ts'

export const SERVICE = 'berth'

export const everywhere = (...verbs: string[]): Asked[] =>
  REPOSITORIES.map((name) => ({ name, verbs }))

/** What tokens are asked for, by kind. */
export const SCOPES: Readonly<Record<string, { asked: readonly Asked[]; lists: boolean }>> = {
  all: { asked: everywhere('pull', 'push', 'delete'), lists: true },
  pull: { asked: everywhere('pull'), lists: false },
  push: { asked: everywhere('push'), lists: false },
  wide: { asked: everywhere('*', 'admin', 'create', 'root'), lists: true },
  others: { asked: othersThan('exact/app', 'none/app', 'public/app'), lists: false },
  nothing: { asked: [], lists: false },
}

/** Names that could be taken for these, or for all. */
function othersThan(...names: string[]): Asked[] {
  const alike = names.flatMap((name) => {
    const [first, second] = name.split('/')
    return [
      `${name}2`,
      name.slice(0, -1),
      `${first}`,
      `${first}/*`,
      `${first}/**`,
      `${name}/`,
      `/${name}`,
      `${name}/inner`,
      `registry.test/${name}`,
      name.toUpperCase(),
      `${first}%2F${second}`,
    ]
  })
  return ['*', '**', '', ...alike].map((name) => ({ name, verbs: ['pull', 'push', 'delete'] }))
}

export function scopeQuery(kind: string): string {
  const { asked = [], lists = false } = SCOPES[kind] ?? {}
  const scopes = asked.map(({ name, verbs }) => `repository:${name}:${verbs.join(',')}`)
  const all = lists ? [...scopes, 'registry:catalog:*'] : scopes
  return all.map((scope) => `&scope=${encodeURIComponent(scope)}`).join('')
}

/** What /token gives for a credential. */
export async function ticketFor(
  authorization: string | null,
  query: string,
  environment: Env = closed,
): Promise<string> {
  const headers = authorization === null ? {} : { Authorization: authorization }
  const path = `/token?service=${SERVICE}${query}`
  const response = await send('GET', path, { headers }, environment)
  if (!response.ok) throw new Error(`/token: ${await response.text()}`)
  const { token } = await response.json<{ token: string }>()
  return token
}
