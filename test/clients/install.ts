/** Installs the clients that are missing: Debian packages when run as root, programs in Go, Java and Rust at pinned versions. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { $with } from './command.ts'
import { goInstall } from './go-install.ts'
import { fetchJib } from './jib/jib.ts'
import { buildOciClient } from './oci-client/oci-client.ts'

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

/** What only one client needs. */
const PACKAGES_OF = {
  jib: { maven: 'mvn', 'default-jdk-headless': 'javac' },
  'oci-client': { cargo: 'cargo' },
} as const

interface GoProgram {
  source: string
  version: string
  tags?: readonly string[]
}

const CONTAINERD = 'github.com/containerd/containerd/v2/cmd'
const BUILDKIT = 'github.com/moby/buildkit/cmd'
/** What containerd can do without where nothing runs and the snapshotter is overlayfs: with it a build takes twice as long. */
const SMALL = ['no_btrfs', 'no_cri', 'no_devmapper', 'no_zfs']

/** The Go programs of each client. */
const GO_PROGRAMS = {
  oras: [{ source: 'oras.land/oras/cmd/oras', version: 'v1.3.6' }],
  crane: [{ source: 'github.com/google/go-containerregistry/cmd/crane', version: 'v0.22.1' }],
  regctl: [{ source: 'github.com/regclient/regclient/cmd/regctl', version: 'v0.11.7' }],
  helm: [{ source: 'helm.sh/helm/v4/cmd/helm', version: 'v4.3.1' }],
  'ctr-2': [
    { source: `${CONTAINERD}/containerd`, version: 'v2.4.2', tags: SMALL },
    { source: `${CONTAINERD}/ctr`, version: 'v2.4.2', tags: SMALL },
  ],
  buildkit: [
    { source: `${BUILDKIT}/buildkitd`, version: 'v0.34.2' },
    { source: `${BUILDKIT}/buildctl`, version: 'v0.34.2' },
  ],
  cosign: [{ source: 'github.com/sigstore/cosign/v3/cmd/cosign', version: 'v3.1.3' }],
} as const satisfies Record<string, readonly GoProgram[]>

type GoClient = keyof typeof GO_PROGRAMS

/**
 * Makes clients available.
 * @param isWanted whether the client with this name takes part
 * @returns the PATH on which they are found
 * @throws {Error} when an installation fails; what cannot be installed for want of rights is left to the client's own tests to
 *   report as missing
 */
export async function installClients(isWanted: (client: string) => boolean): Promise<string> {
  const packages: Record<string, string> = { ...DEBIAN_PACKAGES }
  for (const [client, more] of Object.entries(PACKAGES_OF)) {
    if (isWanted(client)) Object.assign(packages, more)
  }
  const path = [...(await installPackages(packages)), '/usr/local/go/bin']
  process.env.PATH = path.join(delimiter)
  for (const client of Object.keys(GO_PROGRAMS) as GoClient[]) {
    if (!isWanted(client)) continue
    const folders = await installGoPrograms(client)
    // Debian's programs have the same names: the tests of ctr-2 call theirs by their folders.
    if (client !== 'ctr-2') path.unshift(...folders)
  }
  if (isWanted('jib')) await fetchJib()
  if (isWanted('oci-client')) await buildOciClient()
  return path.join(delimiter)
}

/** Installs the Go programs of a client, once; returns the folder of each. */
export async function installGoPrograms(client: GoClient): Promise<string[]> {
  const folders: string[] = []
  const programs: readonly GoProgram[] = GO_PROGRAMS[client]
  for (const { source, version, tags } of programs) {
    folders.push(await goInstall(source, version, tags))
  }
  return folders
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
