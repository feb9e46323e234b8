/** What the operations of the administration API ask about their caller, and note about it. */
import type { Context } from 'hono'
import { RegistryError } from '../../oci/errors.ts'
import type { ChangedBy } from '../../store/access/audit.ts'
import type { AppEnv } from '../middleware/context.ts'

export function isAdministrator(c: Context<AppEnv>): boolean {
  return c.var.caller.rights.isAdministrator
}

/**
 * The caller's own account; null unless it came with that account's password: an access token, which may have leaked, neither
 * makes others nor changes the password.
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

/** Who changes something now, for the audit log. */
export function changedBy(c: Context<AppEnv>): ChangedBy {
  const { caller, address, requestId } = c.var
  return { actor: caller.subject, address, requestId, at: Date.now() }
}
