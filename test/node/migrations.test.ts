/**
 * The files of migrations/. The platform splits a file into statements by rules of its own, which differ from those of Wrangler's local
 * command: only the shape that is checked here is known to survive both. The first files once had another shape; fixtures/first-migrations/
 * keeps it, because there are databases that were made with it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')
const NOW = join(ROOT, 'migrations')
const FIRST = join(ROOT, 'test/fixtures/first-migrations')

const names = (folder: string) => readdirSync(folder).sort()
const read = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8')

/** What SQLite reads as a comment, or as a string or a name in quotes, in which a comment cannot begin. */
const COMMENT_OR_QUOTED = /--[^\n]*|\/\*[\s\S]*?\*\/|'[^']*'|"[^"]*"|`[^`]*`/g

function isComment(token: string): boolean {
  return token.startsWith('--') || token.startsWith('/*')
}

/** What the platform may not take about a file, as one sentence for each kind of problem. */
function shapeProblems(sql: string): string[] {
  const comments = [...sql.matchAll(COMMENT_OR_QUOTED)].map(([token]) => token).filter(isComment)
  const code = sql.replace(COMMENT_OR_QUOTED, (token) =>
    isComment(token) ? token.replace(/[^\n]/g, ' ') : token,
  )
  const problems = [
    sql.includes('\r') && 'a line ends with CR LF',
    comments.some((comment) => comment.startsWith('/*')) && 'a comment is a block comment',
    comments.some((comment) => /[;'"`]/.test(comment)) && 'a comment has a ; or a quote',
    ...linesOfTriggers(sql, code).flatMap(triggerProblems),
  ]
  return problems.filter((problem) => problem !== false)
}

/** Of each trigger, the physical line on which it begins. */
function linesOfTriggers(sql: string, code: string): string[] {
  return [...code.matchAll(/\bCREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b/gi)].map(({ index }) => {
    const begin = sql.lastIndexOf('\n', index) + 1
    const end = sql.indexOf('\n', index)
    return sql.slice(begin, end === -1 ? sql.length : end)
  })
}

function triggerProblems(line: string): (string | false)[] {
  const count = (pattern: RegExp) => line.match(pattern)?.length ?? 0
  if (!/^CREATE\s+TRIGGER\b.*\bEND;$/i.test(line)) return ['a trigger is not on one line']
  return [
    !/^CREATE TRIGGER .* BEGIN .* END;$/.test(line) &&
      'a trigger has BEGIN or END in small letters',
    count(/\bEND\b/gi) !== 1 && 'a trigger has a second END',
    count(/\bCASE\b/gi) !== 0 && 'a trigger has a CASE',
    count(/;/g) !== 2 && 'a trigger has several statements',
  ]
}

describe('the shape of a migration', () => {
  it.each(names(NOW))('is one that the platform accepts: %s', (name) => {
    expect(shapeProblems(read(NOW, name))).toEqual([])
  })

  it('keeps its LF on every machine', () => {
    expect(read(ROOT, '.gitattributes')).toMatch(/^\*\.sql text eol=lf$/m)
  })

  it.each([
    'CREATE TRIGGER a AFTER DELETE ON b BEGIN DELETE FROM c WHERE d = old.d; END;\n',
    '-- A plain comment: (b, c) - d.\nCREATE TABLE b (c TEXT); -- And one more\n',
    `INSERT INTO a VALUES ('--; it''s', '"');\n`,
  ])('may be this: %s', (sql) => {
    expect(shapeProblems(sql)).toEqual([])
  })

  const TRIGGER = 'CREATE TRIGGER a AFTER DELETE ON b'
  it.each([
    ['-- One\r\n', 'a line ends with CR LF'],
    ['/* One */\n', 'a comment is a block comment'],
    ['-- One; two\n', 'a comment has a ; or a quote'],
    [`-- The platform's\n`, 'a comment has a ; or a quote'],
    ['CREATE TABLE a (b TEXT); -- The "b"\n', 'a comment has a ; or a quote'],
    ['-- The `b`', 'a comment has a ; or a quote'],
    [`INSERT INTO a VALUES ('--'); -- It's\n`, 'a comment has a ; or a quote'],
    [`${TRIGGER} BEGIN\n  DELETE FROM c;\nEND;\n`, 'a trigger is not on one line'],
    [
      `CREATE\nTRIGGER a AFTER DELETE ON b BEGIN DELETE FROM c; END;\n`,
      'a trigger is not on one line',
    ],
    [
      `create trigger a after delete on b\nbegin delete from c; end;`,
      'a trigger is not on one line',
    ],
    [`SELECT 1; ${TRIGGER} BEGIN DELETE FROM c; END;\n`, 'a trigger is not on one line'],
    [`${TRIGGER} BEGIN DELETE FROM c; END; -- One\n`, 'a trigger is not on one line'],
    [`${TRIGGER} begin DELETE FROM c; END;\n`, 'a trigger has BEGIN or END in small letters'],
    [`${TRIGGER} BEGIN DELETE FROM c; end;\n`, 'a trigger has BEGIN or END in small letters'],
    [`${TRIGGER} BEGIN UPDATE c SET end = 1; END;\n`, 'a trigger has a second END'],
    [`${TRIGGER} BEGIN DELETE FROM c WHERE CASE d; END;\n`, 'a trigger has a CASE'],
    [`${TRIGGER} BEGIN DELETE FROM c; DELETE FROM d; END;\n`, 'a trigger has several statements'],
  ])('may not be this: %s', (sql, problem) => {
    expect(shapeProblems(sql)).toEqual([problem])
  })

  it('has changed for the first files', () => {
    const problems = names(FIRST).flatMap((name) => shapeProblems(read(FIRST, name)))
    expect(problems).toContain('a comment has a ; or a quote')
    expect(problems).toContain('a trigger is not on one line')
  })
})

function databaseOf(...files: string[]): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  for (const sql of files) database.exec(sql)
  return database
}

/** The trigger of three statements in the first files, and the three triggers in its place. */
const SPLIT = /^webhooks_deleted/

function schemaOf(database: DatabaseSync): string[] {
  return database
    .prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name')
    .all()
    .filter(({ name }) => !SPLIT.test(`${name}`))
    .map((row) => Object.values(row).join(' ').replace(/\s+/g, ' '))
}

describe('a database that was made with the first files', () => {
  const first = names(FIRST)
  const later = names(NOW).filter((name) => !first.includes(name))
  const old = () => databaseOf(...first.map((name) => read(FIRST, name)))
  const upToDate = (database: DatabaseSync) => {
    for (const name of later) database.exec(read(NOW, name))
    return database
  }
  const fresh = () => databaseOf(...first.map((name) => read(NOW, name)))

  it('has the schema that the present files of the same names make', () => {
    const schema = schemaOf(old())
    expect(schema.length).toBeGreaterThan(40)
    expect(schemaOf(fresh())).toEqual(schema)
  })

  it('has the schema of a new one when it has the later files, too', () => {
    expect(schemaOf(upToDate(old()))).toEqual(schemaOf(upToDate(fresh())))
  })

  it.each([
    ['the first', old],
    ['the present', fresh],
  ])('deletes what was kept about a webhook: %s files', (_, make) => {
    const database = upToDate(make())
    database.exec(`
      INSERT INTO webhooks (id, name, config, created_at, updated_at)
      VALUES ('a', 'a', '{}', 0, 0), ('b', 'b', '{}', 0, 0);
      INSERT INTO endpoint_states (endpoint, failures, updated_at) VALUES ('a', 1, 0), ('b', 1, 0);
      INSERT INTO deliveries (event_id, endpoint, state, action, repository, attempts, first_at, updated_at)
      VALUES ('e', 'a', 'dead', 'push', 'r', 1, 0, 0), ('e', 'b', 'dead', 'push', 'r', 1, 0, 0);
      INSERT INTO dead_letters (endpoint, event_id, event, error, attempts, at)
      VALUES ('a', 'e', '{}', 'no', 1, 0), ('b', 'e', '{}', 'no', 1, 0);
      DELETE FROM webhooks WHERE id = 'a'`)
    for (const table of ['endpoint_states', 'deliveries', 'dead_letters']) {
      const rows = database.prepare(`SELECT endpoint FROM ${table}`).all()
      expect(rows.map(({ endpoint }) => endpoint)).toEqual(['b'])
    }
  })
})
