/**
 * Whether a bearer token's account is still in the session that the token was issued in. Disabling the account, a new password and
 * a sign-out begin a new session. Tokens issued for an access token also end with it.
 */
import { findSession } from '../../store/access/credentials.ts'
import type { Database } from '../../store/database/database.ts'
import { Memory } from '../../store/database/memory.ts'
import type { Identity } from './identity.ts'

/** A change of session ends its tokens within a minute. The margin is for a login, which notes what it read before a slow hash. */
const HELD_MS = 55_000

const CAPACITY = 10_000

interface Held {
  session: string
  until: number
}

/** By subject, the oldest first. */
const sessions = new Memory<Map<string, Held>>(Number.POSITIVE_INFINITY)

/** Notes what a login has just read, so that this isolate does not look up its tokens. */
export function noteSession(db: Database, { subject, session }: Identity): void {
  if (session !== null) hold(db, subject, session, Date.now() + HELD_MS)
}

/** Asks D1 unless this isolate holds the same session. */
export async function isCurrent(db: Database, subject: string, session: string): Promise<boolean> {
  const now = Date.now()
  const held = sessions.get(db)?.get(subject)
  if (held !== undefined && held.session === session && now < held.until) return true
  const current = await findSession(db, subject, now)
  if (current !== null) hold(db, subject, current, now + HELD_MS)
  return current === session
}

function hold(db: Database, subject: string, session: string, until: number): void {
  const all = sessions.get(db) ?? new Map<string, Held>()
  sessions.set(db, all)
  all.delete(subject)
  all.set(subject, { session, until })
  const [oldest] = all.size > CAPACITY ? all.keys() : []
  if (oldest !== undefined) all.delete(oldest)
}
