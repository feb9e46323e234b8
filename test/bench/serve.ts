/**
 * The server's process of a benchmark: `node serve.ts berth|floor FOLDER`, started by server-process.ts. Sends `{ url }` to its
 * parent once it serves, and ends when the parent lets go of it.
 */
import { startLocal } from '../../src/cli/local.ts'
import { startFloor } from './floor.ts'

const [kind, state = ''] = process.argv.slice(2)
const server = kind === 'floor' ? await startFloor(state) : await startLocal({ state })
process.once('disconnect', async () => {
  await server.stop()
  process.exit(0)
})
process.send?.({ url: server.url.href })
