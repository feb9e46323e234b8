/**
 * Says how much CPU time the Worker takes to start, and fails where that is over the bar: every new isolate spends it before its
 * first request. The figure is the active time of the profile that `wrangler check startup` writes, as that command prints it.
 *
 * A single run says little. V8 takes no samples while it parses, and counts that time as active or as idle by what comes next: the
 * same bundle showed 4 ms once. Other processes on two cores doubled it in other runs. So the median of several runs counts, and a
 * round whose median is over the bar is repeated: the lowest median of three rounds is the figure.
 *
 * Usage: `node test/ci/startup.ts BUNDLE`, with what `wrangler deploy --dry-run --outfile BUNDLE` wrote.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const LIMIT_MS = 40
/** In a round. */
const RUNS = 7
const ROUNDS = 3
const WRANGLER = resolve(import.meta.dirname, '../../node_modules/wrangler/bin/wrangler.js')

/** The fields of a V8 CPU profile that are used here. Times are microseconds. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string } }[]
  /** The node that ran at each sample, and the time since the sample before. */
  samples: number[]
  timeDeltas: number[]
}

const [bundle] = process.argv.slice(2)
if (bundle === undefined) throw new Error('usage: startup.ts BUNDLE')
let best = Number.POSITIVE_INFINITY
for (let round = 0; round < ROUNDS && best > LIMIT_MS; round++) {
  const times = Array.from({ length: RUNS }, () => activeMs(profileStartup(bundle)))
  times.sort((one, other) => one - other)
  const median = times[RUNS >> 1] ?? Number.POSITIVE_INFINITY
  const all = times.map((time) => time.toFixed(1)).join(' ')
  console.log(`startup: ${median.toFixed(1)} of ${LIMIT_MS} ms CPU, median of ${all}`)
  best = Math.min(best, median)
}
process.exitCode = best > 0 && best <= LIMIT_MS ? 0 : 1

function profileStartup(bundle: string): CpuProfile {
  const folder = mkdtempSync(join(tmpdir(), 'berth-startup-'))
  try {
    const profile = join(folder, 'startup.cpuprofile')
    const command = ['check', 'startup', '--workerBundle', bundle, '--outfile', profile]
    const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' }
    execFileSync(process.execPath, [WRANGLER, ...command], { env, stdio: 'pipe' })
    return JSON.parse(readFileSync(profile, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function activeMs({ nodes, samples, timeDeltas }: CpuProfile): number {
  const idle = new Set(
    nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id),
  )
  const active = timeDeltas.filter((_, index) => !idle.has(samples[index] ?? 0))
  return active.reduce((sum, time) => sum + time, 0) / 1000
}
