/**
 * The Worker under test: Berth, with bindings that count what is asked of them. The upload session runs in the same isolate,
 * so its calls are counted with those of the Worker.
 */
import worker from '../../src/index.ts'
import { UploadSession as Session, type UploadEnv } from '../../src/uploads/upload-session.ts'
import { meterBindings, meterStorage } from '../cost/meter.ts'
import { countBindings } from './counting.ts'

export { LoginGuard } from '../../src/index.ts'

export class UploadSession extends Session {
  constructor(ctx: DurableObjectState, env: UploadEnv) {
    super(meterStorage(ctx), meterBindings(countBindings(env)))
  }
}

export default worker
