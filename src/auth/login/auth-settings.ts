/** What authentication takes from the settings and the bindings. */
import type { SettingsOf } from '../../lib/setting.ts'
import type { Database } from '../../store/database/database.ts'
import type { LoginGuard } from './login-guard.ts'
import type { AUTH_SETTINGS } from './settings-table.ts'

export type AuthSettings = SettingsOf<typeof AUTH_SETTINGS>

export interface AuthContext {
  db: Database
  logins: DurableObjectNamespace<LoginGuard>
  settings: AuthSettings
  /** The client's address; '' where the runtime does not provide it. */
  address: string
}
