/**
 * A port for programs that embed the registry: a policy that refuses requests although the caller has the right. It is asked about the
 * path of each request for one repository, in the registry API and in the administration API. The uses ask about the rest: each tag
 * that a push sets or a delete takes along, and the source of a mount. It is not asked about lists of repositories and events, nor about
 * indexes that a cascade deletes: no tag names them.
 */
import { RegistryError } from '../oci/errors.ts'

export interface PolicyRequest {
  /** The action on `repository`. A mount is a push to its target and a pull from its source. */
  action: 'pull' | 'push' | 'delete'
  repository: string
  /** The digest, tag or upload id in the path; '' if there is none. */
  reference: string
  /** The caller's name; '' for anonymous. */
  subject: string
}

/** @returns null to allow; otherwise the message for the client */
export type Policy = (request: PolicyRequest) => Promise<string | null>

/** @throws {RegistryError} DENIED with the policy's message */
export async function requireAllowed(policy: Policy | null, request: PolicyRequest): Promise<void> {
  const message = policy === null ? null : await policy(request)
  if (message !== null) throw new RegistryError('DENIED', { message })
}
