/** The storage of a registry that a test starts, as `--storage` names it: `r2`, the default, or `s3`. */
import { parseArgs } from 'node:util'
import { freePort, s3Vars, startS3Server } from './s3-server.ts'

export interface StartedStorage {
  /** Empty for R2; otherwise `-` and the name of the driver, for names of reports. */
  suffix: string
  /** The variables of a registry that stores its bytes there. */
  vars: Record<string, string>
  stop(): Promise<void>
}

/** Reads `--storage` from the command line, and starts what stands behind it. */
export async function startStorage(): Promise<StartedStorage> {
  const { storage } = parseArgs({ options: { storage: { type: 'string' } }, strict: false }).values
  if (storage === undefined || storage === 'r2') {
    return { suffix: '', vars: {}, stop: async () => undefined }
  }
  if (storage !== 's3') throw new Error(`--storage takes r2 or s3, not "${storage}"`)
  const port = await freePort()
  const { stop } = await startS3Server(port)
  return { suffix: '-s3', vars: s3Vars(port), stop }
}
