/** The phases of an upload and the moves between them. The session's state asserts each move. */

/**
 * `none`: the session has heard of no byte. `open`: takes bytes. `finishing`: all bytes are here, and a closing PUT is at work or
 * broke off. `done`: the blob is committed. `ended`: cancelled, abandoned, or failed.
 */
export type Phase = 'none' | 'open' | 'finishing' | 'done' | 'ended'

/** What is over has no move left: it refuses everything but the repetition of what succeeded. */
const MOVES: Readonly<Record<Phase, readonly Phase[]>> = {
  none: ['open', 'ended'],
  open: ['finishing', 'ended'],
  finishing: ['done', 'ended'],
  done: [],
  ended: [],
}

/** @throws {Error} where the table has no such move: a bug of the session */
export function assertMove(from: Phase, to: Phase): void {
  if (!MOVES[from].includes(to)) throw new Error(`an upload cannot go from ${from} to ${to}`)
}
