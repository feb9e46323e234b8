/** What an isolate remembers of a database, so that not every request has to ask for it. */
import { boundDatabase, type Database } from './database.ts'

export class Memory<T> {
  // Values, no promises: a request may not wait for what another one began.
  readonly #values = new WeakMap<object, { value: T; until: number }>()
  readonly #milliseconds: number

  /** @param milliseconds for how long a value is remembered */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds
  }

  /** What is remembered of `db`; undefined where that is nothing, or too old. */
  get(db: Database): T | undefined {
    const known = this.#values.get(boundDatabase(db))
    return known !== undefined && Date.now() < known.until ? known.value : undefined
  }

  /** What is remembered of `db`; else the answer of `read`. */
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
