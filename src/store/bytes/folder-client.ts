/** Requests to the server of a storage folder, `cli/folder/server.ts`. */
import type { BlobBody } from './blob-store.ts'
import { StorageError } from './storage-error.ts'

/** The operator must do something: the disk is full, or cannot be written. */
const UNUSABLE = 507

export class FolderClient {
  readonly #folder: Fetcher

  constructor(folder: Fetcher) {
    this.#folder = folder
  }

  /**
   * @param allowed a status that is no error
   * @throws {StorageError} if the operator must do something first
   */
  async send(
    method: string,
    path: string,
    query: Record<string, string | number>,
    allowed?: number,
    body?: BlobBody | string,
  ): Promise<Response> {
    const url = new URL(path, 'http://folder')
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value))
    const answer = await this.#folder.fetch(url, {
      method,
      ...(body === undefined ? {} : { body }),
    })
    if (answer.ok || answer.status === allowed) return answer
    const why = await answer.json<string>()
    if (answer.status === UNUSABLE) throw new StorageError('unusable', why)
    throw new Error(`${method} ${path}: ${answer.status}, ${why}`)
  }
}
