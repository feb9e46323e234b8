/** The Server-Timing header (W3C Server Timing): where the time of an answer went, as far as its reader may know. */
import type { Context } from 'hono'
import type { AppEnv } from './context.ts'

/**
 * Null for who was not admitted, and on refusals. What was asked of which service is told to administrators alone: a blob is stored
 * once for all repositories, and a cache hit of bytes that were only just pushed, or one query more for a mount that found nothing,
 * would tell that somebody else has them, too. The others are told the whole, which they can measure themselves.
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

/** '' for a service that was not asked. Whole milliseconds: Workers have no finer clock, and finer ones tell strangers more. */
function timed(name: string, count: number, ms: number): string {
  if (count === 0) return ''
  return `${name};dur=${Math.round(ms)};desc="${count} ${count === 1 ? 'call' : 'calls'}"`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
