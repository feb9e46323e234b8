/** The refusal of a delete that would break an image: it names what is to be deleted first. */
import type { Context } from 'hono'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { findHolders } from '../store/holders.ts'
import type { AppEnv } from './context.ts'

/** The holders are told to who may pull. */
export async function inUse(
  c: Context<AppEnv>,
  kind: 'manifest' | 'blob',
  digest: Digest,
): Promise<RegistryError> {
  const repository = c.get('repository')
  const mayPull = c.get('caller').rights.on(repository).has('pull')
  const holders = mayPull ? await findHolders(c.get('db'), repository, kind, digest) : []
  const holder = kind === 'manifest' ? 'an index' : 'a manifest'
  return new RegistryError('UNSUPPORTED', {
    message: `${holder} of this repository refers to the ${kind}: delete it first`,
    detail: { digest, holders: holders.map((one) => ({ ...one })) },
    headers: { Allow: kind === 'manifest' ? 'GET, HEAD, PUT' : 'GET, HEAD' },
  })
}
