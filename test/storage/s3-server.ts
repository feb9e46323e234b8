/**
 * A real S3 server on this machine: versitygw, which stores objects as files. It is kept up, is one program, and checks what S3
 * checks: signatures, checksums, clocks, regions and the size of parts.
 */
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { startDaemon } from '../clients/command.ts'
import { goInstall } from '../clients/go-install.ts'

const SOURCE = 'github.com/versity/versitygw/cmd/versitygw'
const VERSION = 'v1.8.0'

const KEY = { id: 'berth-test', secret: 'berth-test-secret' }
const REGION = 'eu-test-1'

export interface S3Server {
  /** The folder with the objects of the bucket. */
  objects: string
  stop(): Promise<void>
}

/** The variables of a registry that stores its bytes in the server at this port. */
export function s3Vars(port: number) {
  return {
    S3_ENDPOINT: `http://127.0.0.1:${port}`,
    S3_BUCKET: 'berth',
    S3_REGION: REGION,
    S3_ACCESS_KEY_ID: KEY.id,
    S3_SECRET_ACCESS_KEY: KEY.secret,
    ALLOW_LOOPBACK: 'true',
  }
}

export async function startS3Server(port: number): Promise<S3Server> {
  process.env.PATH = [process.env.PATH, '/usr/local/go/bin'].join(delimiter)
  const program = join(await goInstall(SOURCE, VERSION), 'versitygw')
  const folder = await mkdtemp(join(tmpdir(), 'berth-s3-'))
  const objects = join(folder, 'data/berth')
  await mkdir(objects, { recursive: true })
  const options = {
    '--port': `127.0.0.1:${port}`,
    '--access': KEY.id,
    '--secret': KEY.secret,
    '--region': REGION,
  }
  const argv = [program, '--quiet', '--keep-alive', ...Object.entries(options).flat()]
  const daemon = await startDaemon(
    [...argv, 'posix', join(folder, 'data')],
    join(folder, 'log'),
    () => listens(port),
  )
  return {
    objects,
    stop: async () => {
      await daemon.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (typeof address === 'object' && address !== null) return address.port
  throw new Error('no port is free')
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}
