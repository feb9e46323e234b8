/** The settings and bindings that authentication needs. */

import type { Database } from '../store/database.ts'
import type { Htpasswd } from './htpasswd.ts'
import type { LoginGuard } from './login-guard.ts'
import type { TokenService } from './token-service.ts'

export interface AuthSettings {
  /** Whether every caller may do everything: for a registry on one's own machine. */
  openAccess: boolean
  /** The password of the user `admin`. */
  adminPassword: string | null
  htpasswd: Htpasswd | null
  /** The external service that issues bearer tokens instead of this registry. */
  tokenAuth: TokenService | null
  /** The issuer and audience of this registry's bearer tokens. */
  tokenService: string
  /** Lifetime of a bearer token in seconds: 60 to 900. */
  tokenTtlSeconds: number
  /** Failed logins in a row from one address before the next must wait; an account name allows NAME_FACTOR times as many. */
  loginFailuresMax: number
  /** Whether outgoing requests may go to this machine, and over http: only for local use. */
  allowLoopback: boolean
}

export interface AuthContext {
  db: Database
  logins: DurableObjectNamespace<LoginGuard>
  settings: AuthSettings
  /** The client's address; '' where the runtime does not provide it. */
  address: string
}
