/** What a benchmark prints: one table, or the same data as JSON. */
import type { Outcome, Result, Sample } from './measure.ts'
import type { Bar, Ratio } from './row.ts'
import { median } from './stats.ts'
import { formatTable, milliseconds, ratio } from './table.ts'

/** From this part of the time on the client is what a sample measures. */
const CLIENT_IS_BUSY = 0.8

export interface Failure {
  row: string
  atOnce: number
  subject: string
  message: string
}

export function failuresOf(results: readonly Result[]): Failure[] {
  return results.flatMap(({ row, atOnce, outcomes }) =>
    [...outcomes].flatMap(([subject, outcome]) =>
      'failure' in outcome ? [{ row: row.id, atOnce, subject, message: outcome.failure }] : [],
    ),
  )
}

/** @param ratios those to print, a few columns for each */
export function asTable(results: readonly Result[], ratios: readonly Ratio[]): string {
  const subjects = [...new Set(results.flatMap(({ outcomes }) => [...outcomes.keys()]))]
  const beside = ratios.flatMap(({ of, to }) => [`${of}/${to}`, 'fastest', 'bar'])
  const header = ['', 'at once', ...subjects, ...beside, 'client']
  const rows = results.map((result) => [
    result.row.title,
    String(result.atOnce),
    ...subjects.map((name) => timeCell(result.outcomes.get(name))),
    ...ratios.flatMap((wanted) => ratioCells(result, wanted)),
    clientCell(result),
  ])
  const failures = failuresOf(results).map(
    ({ row, atOnce, subject, message }) =>
      `failed: ${row}, ${atOnce} at once, ${subject}: ${message}`,
  )
  return [
    formatTable(header, rows),
    'Milliseconds an operation (elapsed, divided by the operations): medians of one run in which all took turns.',
    'fastest: the ratio of the fastest samples, which noise on a busy machine disturbs least.',
    `client: the largest part of the time in which the client itself was busy; from ${percent(CLIENT_IS_BUSY)} on (!) it held a server back.`,
    ...failures,
  ].join('\n')
}

export function asJson(results: readonly Result[], ratios: readonly Ratio[]): string {
  const rows = results.map((result) => ({
    row: result.row.id,
    title: result.row.title,
    atOnce: result.atOnce,
    ratios: ratios.map((wanted) => ({
      ...wanted,
      median: ratioOf(result, wanted, median) ?? null,
      fastest: ratioOf(result, wanted, fastest) ?? null,
      bar: barOf(result, wanted)?.most ?? null,
      verdict: verdict(result, wanted) ?? null,
    })),
    subjects: [...result.outcomes].map(([name, outcome]) => ({
      name,
      milliseconds: timeOf(outcome, median) ?? null,
      client: clientOf(outcome) ?? null,
      ...outcome,
    })),
  }))
  return JSON.stringify({ rows }, null, 2)
}

function ratioCells(result: Result, wanted: Ratio): string[] {
  const [middle, best] = [median, fastest].map((of) => ratioOf(result, wanted, of))
  const bar = barOf(result, wanted)
  const cells = [middle, best].map((value) => (value === undefined ? '' : ratio(value)))
  return [...cells, bar === undefined ? '' : `${ratio(bar.most)} ${verdict(result, wanted) ?? '-'}`]
}

/** Whether a bar is met; a goal that is not reached is none that is missed. */
function verdict(result: Result, wanted: Ratio): 'met' | 'missed' | 'goal' | undefined {
  const bar = barOf(result, wanted)
  const value = ratioOf(result, wanted, median)
  if (bar === undefined || value === undefined) return undefined
  if (value <= bar.most) return 'met'
  return bar.goal ? 'goal' : 'missed'
}

function barOf({ row, atOnce }: Result, { of, to }: Ratio): Bar | undefined {
  return row.bars.find((bar) => bar.of === of && bar.to === to && bar.atOnce.includes(atOnce))
}

type Statistic = (values: readonly number[]) => number

const fastest: Statistic = (values) => Math.min(...values)

function ratioOf(
  { outcomes }: Result,
  { of, to }: Ratio,
  statistic: Statistic,
): number | undefined {
  const value = timeOf(outcomes.get(of), statistic)
  const base = timeOf(outcomes.get(to), statistic)
  return value === undefined || base === undefined ? undefined : value / base
}

function timeOf(outcome: Outcome | undefined, statistic: Statistic): number | undefined {
  return statisticOf(outcome, statistic, (sample) => sample.milliseconds)
}

function clientOf(outcome: Outcome): number | undefined {
  return statisticOf(outcome, median, (sample) => sample.client)
}

function statisticOf(
  outcome: Outcome | undefined,
  statistic: Statistic,
  pick: (sample: Sample) => number,
): number | undefined {
  return outcome !== undefined && 'samples' in outcome
    ? statistic(outcome.samples.map(pick))
    : undefined
}

function timeCell(outcome: Outcome | undefined): string {
  const value = timeOf(outcome, median)
  if (value !== undefined) return milliseconds(value)
  return outcome === undefined ? '' : 'failed'
}

function clientCell({ outcomes }: Result): string {
  const busiest = Math.max(0, ...[...outcomes.values()].map((outcome) => clientOf(outcome) ?? 0))
  return `${percent(busiest)}${busiest >= CLIENT_IS_BUSY ? ' !' : ''}`
}

function percent(part: number): string {
  return `${(part * 100).toFixed(0)}%`
}
