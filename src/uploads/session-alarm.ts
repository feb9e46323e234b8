/** The alarm of an upload session. */
import { UPLOAD_TTL_SECONDS } from './upload-id.ts'

/** An upload without requests for this long is abandoned. */
export const IDLE_TTL_MS = 24 * 60 * 60 * 1000

/** After this time every id of the upload has expired, and all its state is deleted. */
export const UPLOAD_TTL_MS = UPLOAD_TTL_SECONDS * 1000

/** The interval for retrying to remove the bytes of an ended session. */
export const DISCARD_AGAIN_MS = 60 * 60 * 1000

export class SessionAlarm {
  readonly #storage: DurableObjectStorage
  /** When the alarm is due: infinite for no alarm, undefined before the first check. */
  #at: number | undefined

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  /** Must be called when the alarm fires: no alarm is set any more. */
  came(): void {
    this.#at = Number.POSITIVE_INFINITY
  }

  /**
   * Makes sure that an alarm fires within this time. Call it before anything is written, so that stored state is always cleaned up.
   * A later alarm is not written if an earlier one is set: the earlier one sets the next.
   */
  async within(milliseconds: number): Promise<void> {
    const at = Date.now() + milliseconds
    this.#at ??= (await this.#storage.getAlarm()) ?? Number.POSITIVE_INFINITY
    if (this.#at <= at) return
    this.#at = at
    await this.#storage.setAlarm(at)
  }
}
