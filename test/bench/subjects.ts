/** Who does the work that the rows describe: the floor, Berth, and any peer. */
import type { FloorClient } from './floor.ts'
import { type Credentials, RegistryClient } from './registry-client.ts'
import type { Operation, Row } from './rows.ts'

export interface Subject {
  name: string
  /** Sets a row up; each call of the result prepares one operation. */
  setup(row: Row): Promise<() => Promise<Operation>>
}

export const FLOOR = 'floor'
export const BERTH = 'berth'
export const BERTH_AUTH = 'berth-auth'

/** Who logs in to the Berth that asks for it. */
export const ADMIN: Credentials = { user: 'admin', password: 'a password for one run' }

export function floorSubject(client: FloorClient): Subject {
  return {
    name: FLOOR,
    setup: async (row) => {
      const prepare = await row.floor(client)
      return async () => prepare()
    },
  }
}

export function registrySubject(
  name: string,
  url: URL,
  repository: string,
  credentials?: Credentials,
): Subject {
  const client = new RegistryClient(url, repository, credentials)
  return {
    name,
    setup: async (row) => {
      await client.authorize()
      const prepare = await row.registry(client)
      return async () => {
        await client.authorize()
        return prepare()
      }
    },
  }
}
