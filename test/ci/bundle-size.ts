/**
 * Says how large the Worker is that `wrangler deploy --dry-run --outdir DIRECTORY` wrote, and fails where it grew over the bar:
 * what every isolate has to load before its first request.
 *
 * Usage: `node test/ci/bundle-size.ts DIRECTORY`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Compressed, as Wrangler counts and Cloudflare limits it. */
const LIMIT_KIB = 256

const [directory] = process.argv.slice(2)
if (directory === undefined) throw new Error('usage: bundle-size.ts DIRECTORY')
// Wrangler leaves a README and the source map beside what is uploaded.
const modules = readdirSync(directory).filter((name) => !/\.(?:map|md)$/.test(name))
const bytes = gzipSync(Buffer.concat(modules.map((name) => readFileSync(join(directory, name)))))
const kib = bytes.length / 1024
console.log(`${modules.join(', ')}: ${kib.toFixed(1)} of ${LIMIT_KIB} KiB, compressed`)
process.exitCode = modules.length > 0 && kib <= LIMIT_KIB ? 0 : 1
