/**
 * Allows one registry per folder of state or storage: each of two would hold data that the other does not see. The lock is SQLite's, on a file in the
 * folder, so the system releases it however the process ends.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Milliseconds to wait for a process that is taking or testing the lock. */
const PATIENCE_MS = 500
const BUSY = 5

const SQL = {
  take: `
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL);
    DELETE FROM holder;
    INSERT INTO holder VALUES (${process.pid});
    COMMIT;`,
  // This transaction keeps other writers out, but lets readers see the holder.
  keep: 'BEGIN IMMEDIATE',
  holder: 'SELECT pid FROM holder',
} as const

/**
 * Locks the folder for this process, by a file in it. Returns a function that unlocks it.
 * @param option how the user chooses the folder
 * @throws if another process holds the lock; the message names that process
 */
export function lockFolder(folder: string, file: string, option: string): () => void {
  const database = openLock(folder, file)
  try {
    database.exec(SQL.take)
    database.exec(SQL.keep)
    return () => {
      if (database.isOpen) database.close()
    }
  } catch (error) {
    const pid = Reflect.get(Object(error), 'errcode') === BUSY ? holderOf(database) : null
    database.close()
    if (pid === null) throw error
    throw new Error(
      `another registry, process ${pid}, uses the folder ${folder}: stop it, or choose another folder with ${option}`,
      { cause: error },
    )
  }
}

function openLock(folder: string, file: string): DatabaseSync {
  try {
    return new DatabaseSync(join(folder, file), { timeout: PATIENCE_MS })
  } catch (error) {
    throw new Error(`the folder ${folder} cannot be written: ${Object(error).message}`, {
      cause: error,
    })
  }
}

function holderOf(database: DatabaseSync): unknown {
  return database.prepare(SQL.holder).get()?.pid ?? null
}
