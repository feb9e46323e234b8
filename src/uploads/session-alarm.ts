/** When an upload session wakes by itself. */
import { UPLOAD_TTL_SECONDS } from './upload-id.ts'

/** An upload that nobody touches for so long is given up. */
export const IDLE_TTL_MS = 24 * 60 * 60 * 1000

/** Once no id is valid any more that names the upload, all of it is forgotten. */
export const UPLOAD_TTL_MS = UPLOAD_TTL_SECONDS * 1000

/** Bytes of an ended session that could not be removed are tried again after so long. */
export const DISCARD_AGAIN_MS = 60 * 60 * 1000

export class SessionAlarm {
  readonly #storage: DurableObjectStorage
  /** When the alarm is due: infinite where there is none, undefined where nobody asked yet. */
  #at: number | undefined

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  /** The alarm came: there is none any more. */
  came(): void {
    this.#at = Number.POSITIVE_INFINITY
  }

  /**
   * Makes sure of an alarm that comes so soon. To be called before anything is written, so that what is stored is cleared away one
   * day. A later alarm costs a write only where there is none that comes earlier: the earlier one looks whether it is time.
   */
  async within(milliseconds: number): Promise<void> {
    const at = Date.now() + milliseconds
    this.#at ??= (await this.#storage.getAlarm()) ?? Number.POSITIVE_INFINITY
    if (this.#at <= at) return
    this.#at = at
    await this.#storage.setAlarm(at)
  }
}
