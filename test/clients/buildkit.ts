/** A buildkitd of one's own, whose worker is runc, for buildctl. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { $, type Daemon, startDaemon } from './command.ts'

export interface Buildkit extends Daemon {
  /** Builds a Dockerfile; returns what buildctl printed. */
  build(context: string, dockerfile: string, options: readonly string[]): Promise<string>
  /** Forgets all that was built or pulled. */
  prune(): Promise<unknown>
}

/** Starts a buildkitd that works in `dir`. It speaks plain HTTP to registries on this machine. */
export async function startBuildkit(dir: string): Promise<Buildkit> {
  await mkdir(dir, { recursive: true })
  const address = `unix://${join(dir, 'buildkitd.sock')}`
  const options = ['--root', join(dir, 'root'), '--addr', address, '--config', join(dir, 'toml')]
  await writeFile(join(dir, 'toml'), '')
  const worker = ['--oci-worker=true', '--oci-worker-binary=runc']
  worker.push('--oci-worker-snapshotter=native', '--containerd-worker=false')
  const log = join(dir, 'buildkitd.log')
  const buildctl = ['buildctl', '--addr', address]
  const daemon = await startDaemon(['buildkitd', ...options, ...worker], log, async () => {
    await $`${buildctl} debug workers`
    return true
  })
  return {
    async build(context, dockerfile, more) {
      await writeFile(join(dir, 'Dockerfile'), dockerfile)
      const input = [`--local=context=${context}`, `--local=dockerfile=${dir}`]
      const frontend = ['--frontend=dockerfile.v0', '--progress=plain']
      return (await $`${buildctl} build ${frontend} ${input} ${more}`).stderr
    },
    prune: () => $`${buildctl} prune --all`,
    stop: () => daemon.stop(),
  }
}
