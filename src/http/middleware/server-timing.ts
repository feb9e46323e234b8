/** The Server-Timing header (W3C Server Timing): how long an answer took, and where the time went, as far as the caller may know. */
import type { Context } from 'hono'
import type { AppEnv } from './context.ts'

/**
 * Null for requests without an admitted caller, and for refusals. Only administrators see the calls to each service. A blob is stored once
 * for all repositories, so a cache hit for bytes that were just pushed, or an extra query for a failed mount, would reveal that another
 * repository has them. Other callers see the total, which they can measure themselves.
 */
export function serverTiming(c: Context<AppEnv>, ms: number): string | null {
  const { status } = c.res
  const caller = c.get('caller')
  if (caller === undefined || (status >= 400 && status < 500)) return null
  const total = `total;dur=${ms}`
  if (caller.scheme !== 'open' && !caller.rights.isAdministrator) return total
  const usage = c.get('usage')
  const d1 = usage.of('d1')
  const uploads = usage.of('uploads')
  const r2 = (['r2Reads', 'r2Writes', 'r2Deletes'] as const).map((service) => usage.of(service))
  return [
    timed('d1', d1.count, d1.ms),
    timed('r2', sum(r2.map(({ count }) => count)), sum(r2.map((calls) => calls.ms))),
    usage.cache === null ? '' : `cache;desc="${usage.cache}"`,
    timed('uploads', uploads.count, uploads.ms),
    total,
  ]
    .filter((metric) => metric !== '')
    .join(', ')
}

/** Empty if the service was not called. Times are whole milliseconds: Workers have no finer clock, and finer times would reveal more. */
function timed(name: string, count: number, ms: number): string {
  if (count === 0) return ''
  return `${name};dur=${Math.round(ms)};desc="${count} ${count === 1 ? 'call' : 'calls'}"`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
