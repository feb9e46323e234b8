/** The settings of authentication. They are apart from auth-settings.ts because `npm start` knows them, too, and runs in Node. */
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
      'The user `admin` has this password. Without it or another credential, a deployed registry serves nobody.',
    parse(text) {
      if (text.length >= PASSWORD_MIN) return text
      throw new Error(`a password of at least ${PASSWORD_MIN} characters`)
    },
  }),
  htpasswd: setting({
    variable: 'HTPASSWD',
    takes: 'secret, lines of bcrypt',
    default: null,
    meaning: 'The users of these lines may pull, push and delete everything.',
    parse: parseHtpasswd,
  }),
  /** The external service that gives out bearer tokens instead of this registry. */
  tokenAuth: setting({
    variable: 'TOKEN_AUTH',
    takes: 'JSON object',
    default: null,
    meaning:
      "The registry accepts the bearer tokens of this other service instead of the registry's own.",
    parse: (json, read) => parseTokenService(json, read(allowLoopback)),
  }),
  /** The name that bearer tokens of this registry are for, and come from. */
  tokenService: setting({
    variable: 'TOKEN_SERVICE',
    takes: 'a name',
    default: 'berth',
    meaning: "The registry's own bearer tokens are for this name.",
    parse(text) {
      if (/^[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}$/.test(text)) return text
      throw new Error('a name such as registry.example.com')
    },
  }),
  tokenTtlSeconds: setting({
    variable: 'TOKEN_TTL_SECONDS',
    // At most 15 minutes: bearer tokens of `admin` and of htpasswd users outlive a new password for so long.
    ...wholeNumber(60, 900, 900),
    meaning: 'They are valid for so many seconds.',
  }),
  loginFailuresMax: setting({
    variable: 'LOGIN_FAILURES_MAX',
    ...wholeNumber(1, 1000, 10),
    meaning:
      'After so many wrong passwords in a row, the next login from that address has to wait; after five times as many for one name, that of the name from elsewhere, too. The audit log counts them.',
  }),
  openAccess: setting({
    variable: 'OPEN_ACCESS',
    ...flag(false),
    meaning:
      'Everybody who reaches the registry may pull, push and delete. `npm start` sets it; do not set it on the internet.',
  }),
  allowLoopback,
}
