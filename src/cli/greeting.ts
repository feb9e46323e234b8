/** What `npm start` prints when the registry is ready. */
import type { StartCommand } from './command-line.ts'
import { isLoopback } from './local.ts'

export interface Access {
  isOpen: boolean
  /** Why the registry serves nobody: a setting is missing or not valid. Null if it serves. */
  problem: string | null
  /** The id of the request that found it out. */
  requestId: string | null
}

/** Who may use the registry, according to its own answer. */
export async function findAccess(url: URL, { host, vars }: StartCommand): Promise<Access> {
  // Built as text: in a URL, a path that begins with two slashes would name another host. PUBLIC_URL may not have such a path.
  const answer = await fetch(`${url.origin}${prefixOf(vars.PUBLIC_URL)}/v2/`)
  const requestId = answer.headers.get('X-Request-Id')
  if (answer.status !== 503) {
    return { isOpen: answer.status !== 401, problem: null, requestId }
  }
  const { errors }: { errors: { message: string }[] } = await answer.json()
  const advice = isLoopback(host)
    ? []
    : [`HOST=${host} lets others in: a registry without logins takes --var OPEN_ACCESS:true too`]
  const problem = errors.map(({ message }) => message).join('; ')
  return { isOpen: false, problem: [problem, ...advice, HOW_TO_SET].join('\n'), requestId }
}

const HOW_TO_SET = 'Variables are set with: npm start -- --var NAME:value'

function prefixOf(publicUrl: string | undefined): string {
  const url = URL.parse(publicUrl ?? '')
  return url !== null && /^https?:$/.test(url.protocol) ? url.pathname.replace(/\/+$/, '') : ''
}

/** Commands to paste, on the address that this machine reaches. */
export function greeting(url: URL, { host, vars }: StartCommand, { isOpen }: Access): string {
  // Clients use plain HTTP for this name by default.
  const own = isLoopback(url.hostname) ? `localhost:${url.port}` : url.host
  const path = prefixOf(vars.PUBLIC_URL)
  const image = `${own}/hello`
  const who = isOpen ? 'open to everybody who can reach it' : 'for those who log in'
  const where = isLoopback(host) ? 'on this machine' : `on the address ${host}`
  const name = vars.ADMIN_PASSWORD === undefined ? '' : ' -u admin'
  const others =
    isOpen && !isLoopback(host)
      ? 'It answers to other names and addresses than localhost only if ALLOWED_HOSTS lists them.\n'
      : ''
  const login = isOpen ? '' : `  docker login ${own}${name}\n`
  const commands = `  tar -c README.md | docker import - ${image}
  docker push ${image}
  docker pull ${image}
`
  return `Berth listens on http://${own}${path}, ${where}, ${who}.
In a browser: http://${own}${path}/
${others}
${path === '' ? `${login}${commands}` : 'docker finds registries only at the root of a host; the page has the way of containerd.\n'}`
}
