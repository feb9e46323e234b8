/**
 * The Worker under test: Berth, with bindings that count what is asked of them. The upload session runs in the same isolate,
 * so its calls are counted with those of the Worker.
 */

import type { Env } from '../../src/http/middleware/context.ts'
import worker from '../../src/index.ts'
import { UploadSession as Session } from '../../src/uploads/upload-session.ts'
import { meterBindings, meterStorage } from '../cost/meter.ts'
import { countBindings } from './counting.ts'
import { watchQueue } from './session-queue.ts'

export { LoginGuard } from '../../src/index.ts'

/** Of each environment one, as the runtime gives all objects of an isolate the same: what is remembered of it is remembered once. */
const counting = new WeakMap<Env, Env>()

let newest: DurableObjectState | undefined

export class UploadSession extends Session {
  constructor(ctx: DurableObjectState, env: Env) {
    const known = counting.get(env) ?? watchQueue(meterBindings(countBindings(env)))
    counting.set(env, known)
    super(meterStorage(ctx), known)
    newest = ctx
  }
}

/** Ends the newest object of an upload as a crash would: what is not in its storage is lost. To be called inside of it. */
export async function crashSession(): Promise<void> {
  newest?.abort('crashed by a test')
}

export default worker
