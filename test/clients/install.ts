/** Installs the clients that are missing: Debian packages when run as root, Go programs at pinned versions. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { $with } from './command.ts'
import { goInstall } from './go-install.ts'

/** A program of each Debian package, by which its presence is known. */
const DEBIAN_PACKAGES = {
  skopeo: 'skopeo',
  buildah: 'buildah',
  podman: 'podman',
  'docker.io': 'dockerd',
  containerd: 'containerd',
  umoci: 'umoci',
  runc: 'runc',
  crun: 'crun',
} as const

const GO_PROGRAMS = [
  ['oras.land/oras/cmd/oras', 'v1.3.6'],
  ['github.com/google/go-containerregistry/cmd/crane', 'v0.22.1'],
  ['github.com/regclient/regclient/cmd/regctl', 'v0.11.7'],
] as const

/**
 * Makes every client available.
 * @returns the PATH on which they are found
 * @throws {Error} when an installation fails; what cannot be installed for want of rights is left to the client's own tests to
 *   report as missing
 */
export async function installClients(): Promise<string> {
  const path = [...(await installPackages(DEBIAN_PACKAGES)), '/usr/local/go/bin']
  process.env.PATH = path.join(delimiter)
  for (const [module, version] of GO_PROGRAMS) path.unshift(await goInstall(module, version))
  return path.join(delimiter)
}

/**
 * Installs those packages of which a program is missing, when run as root.
 * @param packages a program of each
 * @returns the folders of the PATH, which from now on is this process's own, too
 * @throws {Error} when the installation fails
 */
export async function installPackages(
  packages: Readonly<Record<string, string>>,
): Promise<string[]> {
  const path = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  process.env.PATH = path.join(delimiter)
  const missing = Object.entries(packages)
    .filter(([, program]) => !path.some((folder) => existsSync(join(folder, program))))
    .map(([name]) => name)
  if (missing.length > 0 && process.getuid?.() === 0) {
    // On standard error: what a benchmark prints may be data.
    console.error(`apt-get install ${missing.join(' ')}`)
    const apt = $with({ env: { DEBIAN_FRONTEND: 'noninteractive' }, timeout: 600_000 })
    await apt`apt-get update`
    await apt`apt-get install -y --no-install-recommends ${missing}`
  }
  return path
}
