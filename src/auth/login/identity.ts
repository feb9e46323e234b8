/**
 * Who sent a request, once it is proved: by a password, an access token, an ID token, or the login of a program that embeds the
 * registry; or anonymous.
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
   * What the credential was checked against. A new password or a revoked token changes it and ends the refresh tokens. Null where
   * no refresh token is issued (anonymous, trust).
   */
  verifier: string | null
  /**
   * Bearer and refresh tokens carry it and end with it (sessions.ts): the session number of an account; for an access token that
   * number and the token's id. Null without an account.
   */
  session: string | null
}
