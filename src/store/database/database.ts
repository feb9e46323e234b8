/** D1 as the stores use it: a D1 database itself, or one that counts the queries of a request. */
import type { Usage } from '../../lib/usage.ts'

export interface Statement {
  bind(...values: unknown[]): Statement
  first<T = Record<string, unknown>>(): Promise<T | null>
  all<T = Record<string, unknown>>(): Promise<D1Result<T>>
  run<T = Record<string, unknown>>(): Promise<D1Result<T>>
}

export interface Database {
  prepare(sql: string): Statement
  /** Runs all statements or none: a transaction, in one round trip. It takes statements of this database only. */
  batch<T = unknown>(statements: Statement[]): Promise<D1Result<T>[]>
}

/**
 * The databases of a registry. Today all of them are one D1 database. They may be separate one day, so no statement joins the rows of
 * repositories with those of `control`.
 */
export interface Databases {
  /** The primary with a repository's rows: blobs, manifests, tags, outbox. */
  of(repository: string): Database
  /** The copy of it nearest to this location, for one question. */
  nearest(repository: string): NearestDatabase
  /** Accounts, grants, webhooks. */
  control: Database
}

export interface NearestDatabase {
  db: Database
  /** Whether the primary gave every answer so far. Then nothing newer exists. */
  isCurrent(): boolean
}

/** The database without the counting, which is new for each request. An isolate remembers things by this object. */
export function boundDatabase(db: Database): object {
  return db instanceof CountedDatabase ? db.real : db
}

/** Called with the meta data of each answer: who gave it, and how long it took. */
export type AnswerWatch = (meta: D1Result['meta']) => void

export class CountedDatabase implements Database {
  readonly real: Pick<D1Database, 'prepare' | 'batch'>
  readonly #usage: Usage
  readonly #watch: AnswerWatch | undefined

  constructor(real: Pick<D1Database, 'prepare' | 'batch'>, usage: Usage, watch?: AnswerWatch) {
    this.real = real
    this.#usage = usage
    this.#watch = watch
  }

  prepare(sql: string): Statement {
    return new CountedStatement(this.real.prepare(sql), this.#usage, this.#watch)
  }

  async batch<T>(statements: Statement[]): Promise<D1Result<T>[]> {
    const ask = () => this.real.batch<T>(statements.map(realOf))
    const results = await this.#usage.call('d1', ask)
    for (const { meta } of results) this.#watch?.(meta)
    return results
  }
}

class CountedStatement implements Statement {
  readonly real: D1PreparedStatement
  readonly #usage: Usage
  readonly #watch: AnswerWatch | undefined

  constructor(real: D1PreparedStatement, usage: Usage, watch: AnswerWatch | undefined) {
    this.real = real
    this.#usage = usage
    this.#watch = watch
  }

  bind(...values: unknown[]): Statement {
    return new CountedStatement(this.real.bind(...values), this.#usage, this.#watch)
  }

  async first<T>(): Promise<T | null> {
    // D1's own `first` gives no meta data.
    if (this.#watch !== undefined) return (await this.all<T>()).results[0] ?? null
    return this.#usage.call('d1', () => this.real.first<T>())
  }

  all<T>(): Promise<D1Result<T>> {
    return this.#ask(() => this.real.all<T>())
  }

  run<T>(): Promise<D1Result<T>> {
    return this.#ask(() => this.real.run<T>())
  }

  async #ask<T>(ask: () => Promise<D1Result<T>>): Promise<D1Result<T>> {
    const result = await this.#usage.call('d1', ask)
    this.#watch?.(result.meta)
    return result
  }
}

function realOf(statement: Statement): D1PreparedStatement {
  if (statement instanceof CountedStatement) return statement.real
  throw new TypeError('a batch takes the statements of its own database only')
}
