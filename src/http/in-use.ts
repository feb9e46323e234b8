/** The refusal of a delete that would break an image: it names what is to be deleted first. */
import type { Context } from 'hono'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { findHolders, type Holder } from '../store/holders.ts'
import { CASCADE_AT_MOST } from '../store/remove-unreachable.ts'
import type { AppEnv } from './context.ts'

const REFUSED_MANIFEST = 'GET, HEAD, PUT'

/** The holders are told to who may pull; and where no tag reaches any of them, how they go with the manifest. */
export async function inUse(
  c: Context<AppEnv>,
  kind: 'manifest' | 'blob',
  digest: Digest,
): Promise<RegistryError> {
  const holders = mayPull(c)
    ? await findHolders(c.get('db'), c.get('repository'), kind, digest)
    : []
  const holder = kind === 'manifest' ? 'an index' : 'a manifest'
  const mayCascade =
    kind === 'manifest' && holders.length > 0 && holders.every(({ tagged }) => !tagged)
  const wayOut = mayCascade ? ', or both with ?cascade=unreachable, as no tag reaches it' : ''
  return refusal(
    `${holder} of this repository refers to the ${kind}: delete it first${wayOut}`,
    digest,
    holders,
    kind === 'manifest' ? REFUSED_MANIFEST : 'GET, HEAD',
  )
}

/** Of a delete with the indexes that hold the manifest: `holders` are those that lead to it and have tags. */
export function reached(
  c: Context<AppEnv>,
  digest: Digest,
  holders: readonly Holder[],
): RegistryError {
  const message =
    'a tag reaches the manifest through an index: delete the tag, or that index, first'
  return refusal(message, digest, mayPull(c) ? holders : [], REFUSED_MANIFEST)
}

export function tooManyHolders(digest: Digest): RegistryError {
  const message =
    `with the indexes that lead to the manifest, more than ${CASCADE_AT_MOST} manifests would go: ` +
    'delete some of the indexes first'
  return refusal(message, digest, [], REFUSED_MANIFEST)
}

/** Pushes came each time that the delete was tried. */
export function changing(): RegistryError {
  return new RegistryError('UNAVAILABLE', {
    message: 'the repository is changing: delete again',
    headers: { 'Retry-After': '1' },
  })
}

function refusal(
  message: string,
  digest: Digest,
  holders: readonly Holder[],
  allow: string,
): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message,
    detail: { digest, holders: holders.map((one) => ({ ...one })) },
    headers: { Allow: allow },
  })
}

function mayPull(c: Context<AppEnv>): boolean {
  return c.get('caller').rights.on(c.get('repository')).has('pull')
}
