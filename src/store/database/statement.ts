/**
 * The SQL of the store. A file names its statements. Each has the types of its values and of its rows:
 *
 *     const SQL = statements('tags', {
 *       find: sql<[repository: string, tag: string], TagRow>(`SELECT ... WHERE name = ?1 AND tag = ?2`),
 *     })
 *     const row = await SQL.find(db, repository, tag).first()
 *
 * No other file prepares a statement, so the registry has the text of each. A test walks it and checks every query plan.
 */
import type { Database, Statement } from './database.ts'

/** A value that D1 binds to a parameter. A string has at most 2 MB. */
export type Value = string | number | null

interface Answers<Row> {
  /** Exists only in the type: it keeps queries of different rows apart. */
  readonly row?: Row
  first(): Promise<Row | null>
  all(): Promise<D1Result<Row>>
  run(): Promise<D1Result<Row>>
}

/**
 * A statement with its values, to be run alone or in a batch. A statement without rows is a `Query<never>`. The methods of `Answers` come
 * first, so they decide the type of the rows.
 */
export type Query<Row> = Answers<Row> & Statement

/** SQL with its types. `statements` makes it callable. */
export interface Sql<Takes extends Value[], Row> {
  readonly text: string
  /** Exists only in the type. */
  readonly types?: (...values: Takes) => Row
}

type Ask<Types> =
  Types extends Sql<infer Takes, infer Row> ? (db: Database, ...values: Takes) => Query<Row> : never

const registry = new Map<string, string>()

/** The text of each statement of the loaded files, by its name: `<noun>.<name in the file>`. */
export const STATEMENTS: ReadonlyMap<string, string> = registry

/** `Takes` are the types of ?1, ?2 and so on. `Row` is the type of the rows. */
export function sql<Takes extends Value[], Row = never>(text: string): Sql<Takes, Row> {
  return { text }
}

/** @param noun the name of the file */
export function statements<Named extends Record<string, Sql<never, unknown>>>(
  noun: string,
  named: Named,
): { [Name in keyof Named]: Ask<Named[Name]> }
export function statements(noun: string, named: Record<string, Sql<never, unknown>>) {
  const asks = Object.entries(named).map(([name, { text }]) => {
    registry.set(`${noun}.${name}`, text)
    return [name, (db: Database, ...values: Value[]) => db.prepare(text).bind(...values)]
  })
  return Object.fromEntries(asks)
}

type Queries<Rows extends unknown[]> = { [Place in keyof Rows]: Query<Rows[Place]> }

/** Runs all statements or none, as one transaction in one round trip. Returns the result of each in its place. */
export function runBatch<Rows extends unknown[]>(
  db: Database,
  queries: Queries<Rows>,
): Promise<{ [Place in keyof Rows]: D1Result<Rows[Place]> }>
export function runBatch(db: Database, queries: Query<unknown>[]): Promise<D1Result[]> {
  return db.batch(queries)
}

/** Does the same. Returns the rows of each in its place. */
export function readRows<Rows extends unknown[]>(
  db: Database,
  queries: Queries<Rows>,
): Promise<{ [Place in keyof Rows]: Rows[Place][] }>
export async function readRows(db: Database, queries: Query<unknown>[]): Promise<unknown[][]> {
  const answers = await db.batch(queries)
  return answers.map(({ results }) => results)
}
