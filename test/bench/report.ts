/** What `npm run bench` prints: one table, or the same data as JSON. */
import type { Outcome, Result } from './measure.ts'
import { median } from './stats.ts'
import { BERTH, FLOOR } from './subjects.ts'
import { formatTable, milliseconds, ratio } from './table.ts'

export interface Failure {
  row: string
  subject: string
  message: string
}

export function failuresOf(results: readonly Result[]): Failure[] {
  return results.flatMap(({ row, outcomes }) =>
    [...outcomes].flatMap(([subject, outcome]) =>
      'failure' in outcome ? [{ row: row.id, subject, message: outcome.failure }] : [],
    ),
  )
}

export function asTable(results: readonly Result[], peers: readonly string[]): string {
  const header = ['', FLOOR, BERTH, `${BERTH}/${FLOOR}`, 'bar', '', 'fastest']
  for (const name of peers) header.push(name, `${BERTH}/${name}`)
  const rows = results.map((result) => cells(result, peers))
  const failures = failuresOf(results).map(
    ({ row, subject, message }) => `failed: ${row}, ${subject}: ${message}`,
  )
  return [
    formatTable(header, rows),
    'Milliseconds an operation: medians of one run in which all took turns.',
    `fastest: ${BERTH}/${FLOOR} of the fastest samples, which noise on a busy machine disturbs least.`,
    ...failures,
  ].join('\n')
}

function cells({ row, outcomes }: Result, peers: readonly string[]): string[] {
  const time = (name: string) => {
    const value = medianOf(outcomes.get(name))
    return value === undefined ? 'failed' : milliseconds(value)
  }
  const toFloor = ratioTo(FLOOR, outcomes)
  const bar = row.bar === undefined ? '' : ratio(row.bar)
  const verdict =
    row.bar === undefined || toFloor === undefined ? '' : toFloor <= row.bar ? 'met' : 'missed'
  const beside = peers.flatMap((name) => [time(name), optionalRatio(ratioTo(name, outcomes))])
  return [
    row.title,
    time(FLOOR),
    time(BERTH),
    optionalRatio(toFloor),
    bar,
    verdict,
    optionalRatio(ratioTo(FLOOR, outcomes, fastestOf)),
    ...beside,
  ]
}

function optionalRatio(value: number | undefined): string {
  return value === undefined ? '' : ratio(value)
}

export function asJson(results: readonly Result[]): string {
  const rows = results.map(({ row, outcomes }) => ({
    row: row.id,
    title: row.title,
    bar: row.bar ?? null,
    subjects: [...outcomes].map(([name, outcome]) => ({
      name,
      milliseconds: medianOf(outcome) ?? null,
      berthRatio: ratioTo(name, outcomes) ?? null,
      fastestRatio: ratioTo(name, outcomes, fastestOf) ?? null,
      ...outcome,
    })),
  }))
  return JSON.stringify({ rows }, null, 2)
}

function medianOf(outcome: Outcome | undefined): number | undefined {
  return outcome !== undefined && 'samples' in outcome ? median(outcome.samples) : undefined
}

function fastestOf(outcome: Outcome | undefined): number | undefined {
  return outcome !== undefined && 'samples' in outcome ? Math.min(...outcome.samples) : undefined
}

/** Berth's time as a multiple of another subject's. */
function ratioTo(
  name: string,
  outcomes: ReadonlyMap<string, Outcome>,
  timeOf = medianOf,
): number | undefined {
  const berth = timeOf(outcomes.get(BERTH))
  const other = timeOf(outcomes.get(name))
  return berth === undefined || other === undefined ? undefined : berth / other
}
