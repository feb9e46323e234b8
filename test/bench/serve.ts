/**
 * The server's process of a benchmark: `node serve.ts berth|berth-auth|berth-folder|floor FOLDER`, started by server-process.ts. Sends `{ url }` to its
 * parent once it serves, and ends when the parent lets go of it.
 */
import { join } from 'node:path'
import { startLocal } from '../../src/cli/local.ts'
import { startFloor } from './floor.ts'
import { ADMIN } from './subjects.ts'

const [kind, state = ''] = process.argv.slice(2)
/** As docker-registry runs here without its access log, and the floor has none. */
const QUIET = { LOG_REQUESTS: 'false' }
const vars: Record<string, string> =
  kind === 'berth-auth' ? { ...QUIET, OPEN_ACCESS: 'false', ADMIN_PASSWORD: ADMIN.password } : QUIET
const storage = kind === 'berth-folder' ? join(state, 'storage') : undefined
const server =
  kind === 'floor' ? await startFloor(state) : await startLocal({ state, storage, vars })
process.once('disconnect', async () => {
  await server.stop()
  process.exit(0)
})
process.send?.({ url: server.url.href })
