/** What the stores ask of D1. A D1 database is one; so is one that counts what a request asks of it. */
import type { Usage } from '../../lib/usage.ts'

export interface Statement {
  bind(...values: unknown[]): Statement
  first<T = Record<string, unknown>>(): Promise<T | null>
  all<T = Record<string, unknown>>(): Promise<D1Result<T>>
  run<T = Record<string, unknown>>(): Promise<D1Result<T>>
}

export interface Database {
  prepare(sql: string): Statement
  /** All statements or none: a transaction, in one round trip. The statements are those of this database. */
  batch<T = unknown>(statements: Statement[]): Promise<D1Result<T>[]>
}

/**
 * The databases of a registry. Today all of them are one D1; design.md, "Beyond one database", says what they may become, so
 * statements that join the two kinds are not written.
 */
export interface Databases {
  /** The primary that has a repository's rows: blobs, manifests, tags, outbox. */
  of(repository: string): Database
  /** The same as it is nearest to this location, made for one question. */
  nearest(repository: string): NearestDatabase
  /** Accounts, grants, webhooks. */
  control: Database
}

export interface NearestDatabase {
  db: Database
  /** Whether the primary itself gave every answer so far: then there is nothing newer. */
  isCurrent(): boolean
}

/** The database itself, whoever counts: what an isolate remembers of a database, it remembers of this. */
export function boundDatabase(db: Database): object {
  return db instanceof CountedDatabase ? db.real : db
}

/** Is told of each answer who gave it, and what it took. */
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
    // D1's own `first` does not hand out the meta data.
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
