/**
 * Bearer tokens that no registry may take: malformed, forged, mis-aimed, out of time. Wherever something other than the
 * signature is wrong, the token is signed with the registry's own key, so that nothing else can be why it is refused.
 */
import { duplicates, names, shapes, times } from './bad-token-claims.ts'
import { algorithms, foreignKeys, headers, keyIds, sharedSecrets } from './bad-token-keys.ts'
import type { BadToken, Target } from './bad-token-table.ts'
import { changedContent, encodings, serializations, signatures } from './bad-token-texts.ts'

export async function badTokens(target: Target): Promise<BadToken[]> {
  return (await badTokenGroups(target)).flat()
}

/** The same, by what is wrong with them. */
export function badTokenGroups(target: Target): Promise<BadToken[][]> {
  return Promise.all([
    algorithms(target),
    sharedSecrets(target),
    foreignKeys(target),
    keyIds(target),
    headers(target),
    names(target, 'aud'),
    names(target, 'iss'),
    times(target),
    shapes(target),
    duplicates(target),
    signatures(target),
    changedContent(target),
    serializations(target),
    encodings(target),
  ])
}
