/**
 * A port for programs that embed the registry: a policy that refuses requests although the caller has the right. It is asked for each
 * request about one repository, in the registry API and in the administration API, and not for lists of repositories or events.
 */
import { RegistryError } from '../oci/errors.ts'

export interface PolicyRequest {
  /** `push` includes mounts, uploads and their status. */
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
