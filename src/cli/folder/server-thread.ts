/** The thread that serves a storage folder. It sends a message when it listens. */
import { parentPort, workerData } from 'node:worker_threads'
import { serveFolder } from './server.ts'
import { StorageFolder } from './storage-folder.ts'

export interface ThreadData {
  root: string
  /** The path of the Unix socket. */
  socket: string
}

const { root, socket }: ThreadData = workerData
await serveFolder(new StorageFolder(root), socket)
parentPort?.postMessage('ready')
