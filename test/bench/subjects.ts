/** Who does the work that the rows describe: each a server's name and the client that a row is set up with. */
import { FloorClient } from './floor.ts'
import { type Credentials, RegistryClient } from './registry-client.ts'
import type { Operation, Row } from './row.ts'

export interface Subject<R> {
  name: string
  /** Sets a row up; each call of the result prepares one operation. */
  setup(row: R): Promise<() => Promise<Operation>>
}

export const FLOOR = 'floor'
export const BERTH = 'berth'
export const BERTH_AUTH = 'berth-auth'
export const BERTH_FOLDER = 'berth-folder'
export const DOCKER_REGISTRY = 'docker-registry'

/** Who logs in to the Berth that asks for it. */
export const ADMIN: Credentials = { user: 'admin', password: 'a password for one run' }

/** A row that the floor can do, too. */
export interface FlooredRow extends Row<RegistryClient> {
  /** What the floor does for the same result. */
  floor: Row<FloorClient>['setup']
}

export async function floorSubject(url: URL): Promise<Subject<FlooredRow>> {
  const client = new FloorClient(url)
  await client.createSchema()
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
): Subject<Row<RegistryClient>> {
  const client = new RegistryClient(url, repository, credentials)
  return {
    name,
    setup: async (row) => {
      await client.authorize()
      const prepare = await row.setup(client)
      return async () => {
        await client.authorize()
        return prepare()
      }
    },
  }
}
