/** The phases of an upload and the transitions between them. The session's state asserts each transition. */

/**
 * `none`: no byte was received. `open`: takes bytes. `finishing`: all bytes were received, and a closing PUT is running or broke
 * off. `done`: the blob is committed. `ended`: cancelled, abandoned, or failed.
 */
export type Phase = 'none' | 'open' | 'finishing' | 'done' | 'ended'

/** A finished upload has no transitions: it refuses everything except a repetition of what succeeded. */
const MOVES: Readonly<Record<Phase, readonly Phase[]>> = {
  none: ['open', 'ended'],
  open: ['finishing', 'ended'],
  finishing: ['done', 'ended'],
  done: [],
  ended: [],
}

/** @throws {Error} if the table has no such transition: a bug of the session */
export function assertMove(from: Phase, to: Phase): void {
  if (!MOVES[from].includes(to)) throw new Error(`an upload cannot go from ${from} to ${to}`)
}
