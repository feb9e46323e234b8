/** The folder of `npm start -- --storage`: locked, ready, and served to the Worker. */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { lockFolder } from '../folder-lock.ts'
import { codeOf } from './durable.ts'
import { recoverUploads } from './part-uploads.ts'
import { SYSTEM_ERRORS, serveFolder } from './server.ts'
import { openStorageFolder } from './storage-folder.ts'

export interface ServedStorage {
  /** The path of the Unix socket. */
  socket: string
  stop(): Promise<void>
}

/** The name of the socket in the state folder. */
const SOCKET = 'storage.sock'

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
    await mkdir(root, { recursive: true, mode: 0o700 })
    unlock = lockFolder(root, 'storage.lock', '--storage')
    const folder = await openStorageFolder(root)
    await recoverUploads(folder, Date.now())
    const server = await serveFolder(folder, socket)
    return { socket, stop: () => server.stop().finally(unlock) }
  } catch (error) {
    unlock?.()
    throw explained(error, root)
  }
}

function explained(error: unknown, root: string): unknown {
  const code = codeOf(error)
  const isFile = code === 'EEXIST' || code === 'ENOTDIR'
  const why = isFile ? 'a part of its path is a file' : SYSTEM_ERRORS[code]
  if (why === undefined) return error
  return new Error(`--storage ${root} cannot be used: ${why}`, { cause: error })
}
