/**
 * `npm start`: a registry on http://localhost:5000 with everything embedded. This file is JavaScript, so that a Node that does not run
 * TypeScript can say what is wrong.
 */
const isHelp = process.argv.some((argument) => argument === '--help' || argument === '-h')

// Printed before anything else is loaded: the rest takes a second, or some when the Worker must be built.
if (!isHelp) console.log('Berth starts …')

if (!process.features.typescript) {
  console.error(`berth did not start: Node ${process.versions.node} does not run TypeScript.
The project installs a Node that does. If npm skipped install scripts, run: npm ci --ignore-scripts=false`)
  process.exit(1)
}

const { run } = await import('./run.ts')
try {
  await run()
} catch (error) {
  console.error(`berth did not start: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
