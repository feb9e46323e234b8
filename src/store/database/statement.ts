/**
 * The SQL of the store. A file names its statements, each with the types of what it takes and of the rows that it gives:
 *
 *     const SQL = statements('tags', {
 *       find: sql<[repository: string, tag: string], TagRow>(`SELECT ... WHERE name = ?1 AND tag = ?2`),
 *     })
 *     const row = await SQL.find(db, repository, tag).first()
 *
 * This is the only way to a statement, so the registry has all of them. A test walks it and checks every query plan.
 */
import type { Database, Statement } from './database.ts'

/** What D1 binds to a place of a statement. A value takes up to 2 MB. */
export type Value = string | number | null

interface Answers<Row> {
  /** Known to the types alone: it is never there. */
  readonly row?: Row
  first(): Promise<Row | null>
  all(): Promise<D1Result<Row>>
  run(): Promise<D1Result<Row>>
}

/** A statement with its values, to be run alone or in a batch. One that gives no rows is a `Query<never>`. */
export type Query<Row> = Answers<Row> & Statement

/** SQL and its types. Only `statements` can ask it. */
export interface Sql<Takes extends Value[], Row> {
  readonly text: string
  /** Known to the types alone, too. */
  readonly types?: (...values: Takes) => Row
}

type Ask<Types> =
  Types extends Sql<infer Takes, infer Row> ? (db: Database, ...values: Takes) => Query<Row> : never

const registry = new Map<string, string>()

/** The text of each statement that a loaded file has, by its name: `<noun>.<name in the file>`. */
export const STATEMENTS: ReadonlyMap<string, string> = registry

/** Takes the values of ?1, ?2 and so on, in this order. */
export function sql<Takes extends Value[], Row = never>(text: string): Sql<Takes, Row> {
  return { text }
}

/** @param noun what the statements of the file are about: the file's name */
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

/** Runs all statements or none: a transaction, in one round trip. Returns the result of each, in their order. */
export function runBatch<Rows extends unknown[]>(
  db: Database,
  queries: Queries<Rows>,
): Promise<{ [Place in keyof Rows]: D1Result<Rows[Place]> }>
export function runBatch(db: Database, queries: Query<unknown>[]): Promise<D1Result[]> {
  return db.batch(queries)
}

/** The same. Returns the rows of each. */
export function readRows<Rows extends unknown[]>(
  db: Database,
  queries: Queries<Rows>,
): Promise<{ [Place in keyof Rows]: Rows[Place][] }>
export async function readRows(db: Database, queries: Query<unknown>[]): Promise<unknown[][]> {
  const answers = await db.batch(queries)
  return answers.map(({ results }) => results)
}
