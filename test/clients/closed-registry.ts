/** Administration of a registry that asks for logins, as its administrator does it: by the API. */
import { randomBytes } from 'node:crypto'
import { CLOSED } from './berth.ts'

export interface Credentials {
  user: string
  password: string
}

export interface Grant {
  /** A repository, or `path/**`. */
  pattern: string
  actions: readonly ('pull' | 'push' | 'create' | 'delete' | 'admin')[]
}

export interface ClosedRegistry {
  /** A new account with a random password. */
  addAccount(name: string, grants: readonly Grant[]): Promise<Credentials>
  /** A new access token of an account, limited to these grants where they are given. */
  addToken(account: string, grants?: readonly Grant[]): Promise<Credentials & { id: string }>
  revokeToken(id: string): Promise<void>
  /** Lets everybody pull from a repository that exists. */
  makePublic(repository: string): Promise<void>
}

export function closedRegistry(host: string): ClosedRegistry {
  const password = `admin:${CLOSED.ADMIN_PASSWORD}`
  const authorization = `Basic ${Buffer.from(password).toString('base64')}`

  /** @throws {Error} with the answer where it is not a success */
  async function call(method: string, path: string, body?: unknown): Promise<string> {
    const url = `http://${host}/api/v1/${path}`
    const response = await fetch(url, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (response.ok) return text
    throw new Error(`${method} ${url}: ${response.status} ${text}`)
  }

  return {
    async addAccount(user, grants) {
      const password = randomBytes(16).toString('hex')
      await call('POST', 'accounts', { name: user, password })
      for (const grant of grants) {
        await call('PUT', 'grants', { principal: `account:${user}`, ...grant })
      }
      return { user, password }
    },
    async addToken(account, grants) {
      const name = randomBytes(4).toString('hex')
      const limit = grants === undefined ? {} : { grants }
      const { id, secret } = JSON.parse(await call('POST', 'tokens', { account, name, ...limit }))
      return { user: account, password: secret, id }
    },
    async revokeToken(id) {
      await call('DELETE', `tokens/${id}`)
    },
    async makePublic(repository) {
      await call('PATCH', `repositories/${repository}`, { visibility: 'public' })
    },
  }
}
