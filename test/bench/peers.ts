/** `npm run bench:peers`: `npm run bench` with Debian's docker-registry beside Berth, which it installs where it is missing and starts. */
import { runBench } from './bench.ts'
import { orUsage } from './command-line.ts'
import { installDockerRegistry } from './docker-registry.ts'
import { readOptions, USAGE } from './options.ts'

const options = orUsage(USAGE, readOptions)
await installDockerRegistry()
await runBench(options, true)
