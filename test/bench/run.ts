/**
 * `npm run bench`: how long a registry client's work takes on Berth, in milliseconds and as a multiple of a bare Worker that
 * does the least the platform allows (the floor). Both run on Miniflare directly and take turns in one run. With
 * `--peer NAME=URL` any other registry does the same work beside them, and with `--auth` a Berth that asks for a login.
 */
import { runBench } from './bench.ts'
import { orUsage } from './command-line.ts'
import { readOptions, USAGE } from './options.ts'

await runBench(orUsage(USAGE, readOptions), false)
