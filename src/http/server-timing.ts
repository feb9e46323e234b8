/** The Server-Timing header (W3C Server Timing): where the time of an answer went, as far as its reader may know. */
import type { Context } from 'hono'
import type { AppEnv } from './context.ts'

/**
 * Null on refusals: how often D1 was asked before somebody was refused is nobody's business. What was asked of the bucket and its
 * cache is told to administrators alone: a blob is stored once for all repositories, and a cache hit of bytes that were only just
 * pushed would tell that somebody else has them, too.
 */
export function serverTiming(c: Context<AppEnv>, ms: number): string | null {
  const { status } = c.res
  if (status >= 400 && status < 500) return null
  const usage = c.get('usage')
  const caller = c.get('caller')
  const d1 = usage.of('d1')
  const uploads = usage.of('uploads')
  const metrics = [timed('d1', d1.count, d1.ms)]
  if (caller?.scheme === 'open' || caller?.rights.isAdministrator) {
    const r2 = ['r2Reads', 'r2Writes', 'r2Deletes'] as const
    const calls = r2.map((service) => usage.of(service))
    metrics.push(
      timed('r2', sum(calls.map(({ count }) => count)), sum(calls.map((call) => call.ms))),
      usage.cache === null ? '' : `cache;desc="${usage.cache}"`,
    )
  }
  metrics.push(timed('uploads', uploads.count, uploads.ms), `total;dur=${ms}`)
  return metrics.filter((metric) => metric !== '').join(', ')
}

/** '' for a service that was not asked. Whole milliseconds: Workers have no finer clock, and finer ones tell strangers more. */
function timed(name: string, count: number, ms: number): string {
  if (count === 0) return ''
  return `${name};dur=${Math.round(ms)};desc="${count} ${count === 1 ? 'call' : 'calls'}"`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
