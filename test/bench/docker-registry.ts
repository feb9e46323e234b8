/** Debian's docker-registry (docker/distribution 2.8, in Go) on its filesystem driver: the peer that Berth is measured against. */
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { exitOnSignal, startDaemon } from '../clients/command.ts'
import { installPackages } from '../clients/install.ts'
import type { RunningServer } from './server-process.ts'

/** @throws {Error} where it is missing and cannot be installed */
export async function installDockerRegistry(): Promise<void> {
  await installPackages({ 'docker-registry': 'docker-registry' })
}

/**
 * Starts it with the settings of Debian's package, but that it logs errors only, which makes it no slower, and asks for no login.
 * @param folder where it keeps what is pushed; made where it is missing
 */
export async function startDockerRegistry(folder: string): Promise<RunningServer> {
  exitOnSignal()
  const host = `127.0.0.1:${await freePort()}`
  const settings = {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      cache: { blobdescriptor: 'inmemory' },
      filesystem: { rootdirectory: join(folder, 'data') },
      delete: { enabled: true },
    },
    http: { addr: host, headers: { 'X-Content-Type-Options': ['nosniff'] } },
    health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
  }
  await mkdir(folder, { recursive: true })
  const config = join(folder, 'config.yml')
  // JSON is YAML.
  await writeFile(config, JSON.stringify(settings))
  const command = ['docker-registry', 'serve', config]
  const url = new URL(`http://${host}`)
  const daemon = await startDaemon(command, join(folder, 'log'), async () => {
    return (await fetch(new URL('/v2/', url))).ok
  })
  return { url, stop: () => daemon.stop() }
}

/** It takes a port by its number only, and does not tell which one it got. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return address.port
}
