/** The contents of a bearer token, once its signature, issuer, audience and times are verified. */
import type { RepositoryPattern } from '../../lib/repository-pattern.ts'

/** One entry of the `access` claim (docker/distribution, "Token Authentication Specification: JWT"). */
export interface TokenAccess {
  type: string
  name: string
  actions: readonly string[]
}

export interface VerifiedToken {
  /** `sub`; '' for anonymous. */
  subject: string
  /** The session of the token's account; see Identity. */
  session?: string
  access: readonly TokenAccess[]
  /** Which repositories lists show to the bearer; null means all. */
  visible: readonly RepositoryPattern[] | null
  /**
   * Set where the decision did not fit into the token: the bearer may do these actions on any repository where the subject has the
   * right at the time of the request. Lists then show what the subject may pull at that time.
   */
  ask?: readonly string[]
}
