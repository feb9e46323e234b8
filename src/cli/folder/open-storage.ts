/** The folder of `npm start -- --storage`: locked, ready, and served to the Worker. */
import { once } from 'node:events'
import { chmod, mkdtemp, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { lockFolder } from '../folder-lock.ts'
import { codeOf, makePath } from './durable.ts'
import { recoverUploads } from './part-uploads.ts'
import { SYSTEM_ERRORS } from './server.ts'
import type { ThreadData } from './server-thread.ts'
import { openStorageFolder } from './storage-folder.ts'

export interface ServedStorage {
  /** The path of the Unix socket. */
  socket: string
  stop(): Promise<void>
}

/** In the state folder, in a folder that only this user may enter. */
const SOCKET = 'socket/storage.sock'

/** The limit of Linux for the path of a socket is 107 bytes, that of macOS 103. */
const SOCKET_BYTES_AT_MOST = 103

/**
 * @param path of the folder, which is created if missing
 * @param state the folder of the socket
 * @throws if the folder cannot be written, or another registry uses it; the message is for the user
 */
export async function openStorage(path: string, state: string): Promise<ServedStorage> {
  const root = resolve(path)
  const socket = join(state, SOCKET)
  if (Buffer.byteLength(socket) > SOCKET_BYTES_AT_MOST) {
    throw new Error(
      `the path of the state folder, ${state}, is too long for a socket: choose another folder with STATE=`,
    )
  }
  let unlock: (() => void) | undefined
  try {
    await makePath(root)
    // SQLite, which locks the folder, would not say why it cannot write.
    await rmdir(await mkdtemp(join(root, 'probe-')))
    unlock = lockFolder(root, 'storage.lock', '--storage')
    await recoverUploads(await openStorageFolder(root), Date.now())
    await makePath(dirname(socket))
    await chmod(dirname(socket), 0o700)
    const thread = await startThread({ root, socket })
    return { socket, stop: () => thread.terminate().then(unlock) }
  } catch (error) {
    unlock?.()
    throw explained(error, root)
  }
}

/**
 * A thread of its own has a small heap: beside Miniflare and wrangler, collecting the garbage of 64 MB took 170 ms. And Miniflare blocks
 * this thread while it waits for the runtime, which may wait for the folder.
 */
async function startThread(workerData: ThreadData): Promise<Worker> {
  const thread = new Worker(join(import.meta.dirname, 'server-thread.ts'), { workerData })
  // An error of the thread that comes later ends this process.
  await once(thread, 'message')
  return thread
}

const PATH_ERRORS: Readonly<Record<string, string>> = {
  EEXIST: 'a part of its path is a file',
  ENOTDIR: 'a part of its path is a file',
  ENOENT: 'it cannot be created',
  ENAMETOOLONG: 'its path is too long',
}

function explained(error: unknown, root: string): unknown {
  const code = codeOf(error)
  const why = PATH_ERRORS[code] ?? SYSTEM_ERRORS[code]
  if (why === undefined) return error
  return new Error(`--storage ${root} cannot be used: ${why}`, { cause: error })
}
