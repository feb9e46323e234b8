/** docker: Debian's engine with everything of its own (graph driver vfs), and the client that talks to it. */
import { join } from 'node:path'
import { $, $with, startDaemon } from './command.ts'
import type { Image } from './images.ts'

export interface Docker {
  /** Runs the client: `` docker.run`docker pull ${reference}` ``. */
  run: typeof $
  /** The folder with the client's config.json. */
  config: string
  /** Environment that makes any `docker` talk to this engine. */
  env: Record<string, string>
  /** Loads an image through a docker archive, the only format that this engine loads; returns its id. */
  load(image: Image, name: string): Promise<string>
  /** The id of an image that the engine has: the digest of its config. */
  idOf(reference: string): Promise<string>
  /** Pushes and returns the manifest digest that docker reports. */
  push(reference: string): Promise<string | undefined>
  stop(): Promise<void>
}

/** Starts an engine that works in `dir`. */
export async function startDocker(dir: string): Promise<Docker> {
  const folder = (name: string) => join(dir, name)
  const socket = `unix://${folder('docker.sock')}`
  const config = folder('config')
  // Debian's client, of the same version as its engine; another one may come first on the PATH.
  const env = {
    DOCKER_HOST: socket,
    DOCKER_CONFIG: config,
    PATH: `/usr/bin:${process.env.PATH}`,
  }
  const docker = $with({ env })

  const options = ['--data-root', folder('data'), '--exec-root', folder('exec')]
  options.push('--pidfile', folder('docker.pid'), '--host', socket, '--storage-driver', 'vfs')
  options.push('--iptables=false', '--ip6tables=false', '--bridge=none')
  const engine = await startDaemon(['dockerd', ...options], folder('dockerd.log'), async () => {
    await docker`docker version`
    return true
  })

  async function idOf(reference: string): Promise<string> {
    const format = '{{.Id}}'
    return (await docker`docker image inspect --format ${format} ${reference}`).stdout.trim()
  }
  return {
    run: docker,
    config,
    env,
    async load(image, name) {
      const archive = `${image.layout}.tar`
      await $`rm -f ${archive}`
      await $`skopeo copy oci:${image.layout}:v1 docker-archive:${archive}:${name}`
      await docker`docker load --quiet --input ${archive}`
      return idOf(name)
    },
    idOf,
    async push(reference) {
      const { stdout } = await docker`docker push ${reference}`
      return /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1]
    },
    stop: () => engine.stop(),
  }
}
