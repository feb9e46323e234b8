/**
 * Who sent a request, once that is proved: by a password, an access token, an ID token, the login of a program that embeds the
 * registry, or by saying nothing at all.
 */
import type { Rights } from './rights.ts'

export interface Identity {
  kind: 'admin' | 'account' | 'htpasswd' | 'token' | 'trust' | 'embedded' | 'anonymous'
  /**
   * The name in logs, events and upload ids: `admin`; an account's or htpasswd user's name; `<account>/<token name>`;
   * `oidc:<issuer's host and path>:<sub>`; '' for anonymous.
   */
  subject: string
  rights: Rights
  /**
   * What the credential was checked against: a new password, or a withdrawn token, changes it, and refresh tokens end with it.
   * Null where no refresh token may be given (anonymous, trust).
   */
  verifier: string | null
  /**
   * What bearer and refresh tokens carry, and end with (sessions.ts): of an account its session's number, of an access token that
   * and its id. Null where there is no account.
   */
  session: string | null
}
