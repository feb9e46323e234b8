/** The settings of authentication. They are apart from auth-settings.ts because `npm start` also needs them, and it runs in Node. */
import { allowLoopback } from '../../lib/outgoing-address.ts'
import { flag, setting, wholeNumber } from '../../lib/setting.ts'
import { parseTokenService } from '../federation/token-service.ts'
import { parseHtpasswd } from './htpasswd.ts'

const PASSWORD_MIN = 12

export const AUTH_SETTINGS = {
  adminPassword: setting({
    variable: 'ADMIN_PASSWORD',
    takes: `secret, ${PASSWORD_MIN} characters or more`,
    default: null,
    meaning:
      'The user `admin` has this password. Without this or another credential, a deployed registry refuses every request.',
    parse(text) {
      if (text.length >= PASSWORD_MIN) return text
      throw new Error(`a password of at least ${PASSWORD_MIN} characters`)
    },
  }),
  htpasswd: setting({
    variable: 'HTPASSWD',
    takes: 'secret, htpasswd lines (bcrypt)',
    default: null,
    meaning: 'The users in these lines may pull, push and delete everything.',
    parse: parseHtpasswd,
  }),
  /** The external service that issues bearer tokens instead of this registry. */
  tokenAuth: setting({
    variable: 'TOKEN_AUTH',
    takes: 'JSON object',
    default: null,
    meaning:
      "The registry accepts the bearer tokens of this other service instead of the registry's own.",
    parse: (json, read) => parseTokenService(json, read(allowLoopback)),
  }),
  /** The issuer and audience of this registry's bearer tokens. */
  tokenService: setting({
    variable: 'TOKEN_SERVICE',
    takes: 'a name',
    default: 'berth',
    meaning: "The issuer and audience of the registry's own bearer tokens.",
    parse(text) {
      if (/^[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}$/.test(text)) return text
      throw new Error('a name such as registry.example.com')
    },
  }),
  tokenTtlSeconds: setting({
    variable: 'TOKEN_TTL_SECONDS',
    // At most 15 minutes: bearer tokens of `admin` and of htpasswd users outlive a new password by this long.
    ...wholeNumber(60, 900, 900),
    meaning: "The registry's own bearer tokens are valid for this many seconds.",
  }),
  loginFailuresMax: setting({
    variable: 'LOGIN_FAILURES_MAX',
    ...wholeNumber(1, 1000, 10),
    meaning:
      'After this many wrong passwords from one address, with less than an hour between them, that address must wait. After five times as many for one account name, the name must wait too, except at addresses where it has logged in before. The audit log counts failed logins.',
  }),
  openAccess: setting({
    variable: 'OPEN_ACCESS',
    ...flag(false),
    meaning:
      'Everybody who can reach the registry may pull, push and delete. `npm start` sets it if there are no logins. Do not set it on the internet.',
  }),
  allowLoopback,
}
