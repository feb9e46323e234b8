/** What a bearer token says, once its signature, issuer, audience and times were checked. */
import type { RepositoryPattern } from '../lib/repository-pattern.ts'

/** One entry of the `access` claim (docker/distribution, "Token Authentication Specification: JWT"). */
export interface Access {
  type: string
  name: string
  actions: readonly string[]
}

export interface VerifiedToken {
  /** `sub`; '' for anonymous. */
  subject: string
  /** Of the account that stands behind it; see Identity. */
  session?: string
  access: readonly Access[]
  /** What lists of repositories show its bearer; null shows all of them. */
  visible: readonly RepositoryPattern[] | null
  /**
   * Where the decision did not fit into the token: what the bearer may list, and these actions on any repository, as far as the
   * subject has the right to it when a request asks.
   */
  ask?: readonly string[]
}
