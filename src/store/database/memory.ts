/** A value that an isolate remembers of a database for a stated time, so that few requests have to read it. */
import { boundDatabase, type Database } from './database.ts'

export class Memory<T> {
  // Values, not promises: a request cannot wait for the I/O of another one.
  readonly #values = new WeakMap<object, { value: T; until: number }>()
  readonly #milliseconds: number

  /** @param milliseconds for how long a value is remembered */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds
  }

  /** The value of `db`; undefined if there is none or it is too old. */
  get(db: Database): T | undefined {
    const known = this.#values.get(boundDatabase(db))
    return known !== undefined && Date.now() < known.until ? known.value : undefined
  }

  /** The value of `db`. Calls `read` if there is none or it is too old. */
  async of(db: Database, read: () => Promise<T>): Promise<T> {
    const known = this.get(db)
    if (known !== undefined) return known
    const value = await read()
    this.set(db, value)
    return value
  }

  set(db: Database, value: T): void {
    const until = Date.now() + this.#milliseconds
    this.#values.set(boundDatabase(db), { value, until })
  }
}
