/** A port that a program which embeds the registry may fill in: what is refused although the caller has the right. */
import { RegistryError } from '../oci/errors.ts'

export interface PolicyRequest {
  /** `push` includes mounts, uploads and their status. */
  action: 'pull' | 'push' | 'delete'
  repository: string
  /** What the path names: a digest, a tag, an upload id; '' for what has none. */
  reference: string
  /** The caller's name; '' for anonymous. */
  subject: string
}

/** @returns null to allow; what the client is told where it is denied */
export type Policy = (request: PolicyRequest) => Promise<string | null>

/** @throws {RegistryError} DENIED with the policy's message */
export async function requireAllowed(policy: Policy | null, request: PolicyRequest): Promise<void> {
  const message = policy === null ? null : await policy(request)
  if (message !== null) throw new RegistryError('DENIED', { message })
}
