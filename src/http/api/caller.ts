/** What the operations of the administration API need to know about their caller. */
import type { Context } from 'hono'
import { RegistryError } from '../../oci/errors.ts'
import type { ChangedBy } from '../../store/access/audit.ts'
import type { AppEnv } from '../middleware/context.ts'

export function isAdministrator(c: Context<AppEnv>): boolean {
  return c.var.caller.rights.isAdministrator
}

/**
 * The caller's own account, if the caller signed in with its password; otherwise null. An access token may have leaked, so it can neither
 * create tokens nor change the password.
 */
export function ownAccount(c: Context<AppEnv>): string | null {
  const { identity, scheme } = c.var.caller
  return scheme === 'basic' && identity?.kind === 'account' ? identity.subject : null
}

/** @throws {RegistryError} DENIED unless the caller is an administrator, or this account with its password */
export function requireAccount(c: Context<AppEnv>, account: string): void {
  if (isAdministrator(c) || ownAccount(c) === account) return
  throw new RegistryError('DENIED', {
    message: 'only administrators, and the account itself with its password, may do this',
  })
}

/** The caller and the time of a change, for the audit log. */
export function changedBy(c: Context<AppEnv>): ChangedBy {
  const { caller, address, requestId } = c.var
  return { actor: caller.subject, address, requestId, at: Date.now() }
}
