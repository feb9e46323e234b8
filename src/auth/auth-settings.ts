/** What authentication takes from the settings and the bindings. */

import type { Database } from '../store/database.ts'
import type { Htpasswd } from './htpasswd.ts'
import type { LoginGuard } from './login-guard.ts'
import type { TokenService } from './token-service.ts'

export interface AuthSettings {
  /** Whether everybody may do everything: for a registry on one's own machine. */
  openAccess: boolean
  /** The password of the user `admin`. */
  adminPassword: string | null
  htpasswd: Htpasswd | null
  /** The external service that gives out bearer tokens instead of this registry. */
  tokenAuth: TokenService | null
  /** The name that bearer tokens of this registry are for, and come from. */
  tokenService: string
  /** How long a bearer token is valid: 60 to 900. */
  tokenTtlSeconds: number
  /** Failed logins in a row from one address before the next has to wait; a name bears several times as many. */
  loginFailuresMax: number
  /** Whether outgoing requests may go to this machine, and over http: only for local use. */
  allowLoopback: boolean
}

export interface AuthContext {
  db: Database
  logins: DurableObjectNamespace<LoginGuard>
  settings: AuthSettings
  /** The client's address; '' where the runtime does not tell. */
  address: string
}
