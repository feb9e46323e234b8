/** What the stores ask of D1. A D1 database is one; so is one that counts what a request asks of it. */
import type { Usage } from '../lib/usage.ts'

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

/** The database itself, whoever counts: what an isolate remembers of a database, it remembers of this. */
export function boundDatabase(db: Database): object {
  return db instanceof CountedDatabase ? db.real : db
}

export class CountedDatabase implements Database {
  readonly real: Pick<D1Database, 'prepare' | 'batch'>
  readonly #usage: Usage

  constructor(real: Pick<D1Database, 'prepare' | 'batch'>, usage: Usage) {
    this.real = real
    this.#usage = usage
  }

  prepare(sql: string): Statement {
    return new CountedStatement(this.real.prepare(sql), this.#usage)
  }

  batch<T>(statements: Statement[]): Promise<D1Result<T>[]> {
    return this.#usage.call('d1', () => this.real.batch<T>(statements.map(realOf)))
  }
}

class CountedStatement implements Statement {
  readonly real: D1PreparedStatement
  readonly #usage: Usage

  constructor(real: D1PreparedStatement, usage: Usage) {
    this.real = real
    this.#usage = usage
  }

  bind(...values: unknown[]): Statement {
    return new CountedStatement(this.real.bind(...values), this.#usage)
  }

  first<T>(): Promise<T | null> {
    return this.#usage.call('d1', () => this.real.first<T>())
  }

  all<T>(): Promise<D1Result<T>> {
    return this.#usage.call('d1', () => this.real.all<T>())
  }

  run<T>(): Promise<D1Result<T>> {
    return this.#usage.call('d1', () => this.real.run<T>())
  }
}

function realOf(statement: Statement): D1PreparedStatement {
  if (statement instanceof CountedStatement) return statement.real
  throw new TypeError('a batch takes the statements of its own database only')
}
