/** A containerd of one's own, for ctr. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { $, type Daemon, startDaemon } from './command.ts'
import type { Image } from './images.ts'

export interface Containerd extends Daemon {
  /** The command `ctr` for one namespace, to which options and arguments are added. */
  ctr(namespace: string): string[]
  /** Imports an image into a namespace as `<repository>:v1`. */
  load(namespace: string, image: Image, repository: string): Promise<void>
}

/** The paths of a containerd and of its ctr, or their names on the PATH. */
export interface Programs {
  containerd: string
  ctr: string
}

const DEBIAN: Programs = { containerd: 'containerd', ctr: 'ctr' }

/** Starts a containerd that works in `dir`, whose namespaces share nothing. */
export async function startContainerd(dir: string, programs = DEBIAN): Promise<Containerd> {
  const socket = join(dir, 'containerd.sock')
  const config = join(dir, 'config.toml')
  const lines = [
    'version = 2',
    `root = "${join(dir, 'root')}"`,
    `state = "${join(dir, 'state')}"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\naddress = "${socket}"`,
    // Otherwise a pull finds the pusher's blobs and asks the registry for nothing.
    '[plugins."io.containerd.metadata.v1.bolt"]\ncontent_sharing_policy = "isolated"',
    `[plugins."io.containerd.internal.v1.opt"]\npath = "${join(dir, 'opt')}"`,
  ]
  await writeFile(config, lines.join('\n'))
  const log = join(dir, 'containerd.log')
  const daemon = await startDaemon([programs.containerd, '--config', config], log, async () => {
    await $`${programs.ctr} --address ${socket} version`
    return true
  })
  const ctr = (namespace: string) => [programs.ctr, '--address', socket, '--namespace', namespace]
  return {
    ctr,
    async load(namespace, { layout }, repository) {
      const archive = `${layout}.tar`
      await $`tar -C ${layout} -cf ${archive} .`
      const options = ['--all-platforms', '--no-unpack', '--base-name', repository]
      await $`${ctr(namespace)} images import ${options} ${archive}`
    },
    stop: () => daemon.stop(),
  }
}
