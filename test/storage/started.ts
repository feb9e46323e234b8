/** The storage of a registry that a test starts, as `--storage` names it: `r2`, the default, `s3` or `folder`. */
import { parseArgs } from 'node:util'
import { freePort, s3Vars, startS3Server } from './s3-server.ts'

export interface StartedStorage {
  /** Empty for R2; otherwise `-` and the name of the driver, for names of reports. */
  suffix: string
  /** The variables of a registry that stores its bytes there. */
  vars: Record<string, string>
  /** Whether it stores its bytes in a folder. */
  inFolder: boolean
  stop(): Promise<void>
}

/** Reads `--storage` from the command line, and starts what stands behind it. */
export async function startStorage(): Promise<StartedStorage> {
  const { storage } = parseArgs({ options: { storage: { type: 'string' } }, strict: false }).values
  const nothing = { vars: {}, stop: async () => undefined }
  if (storage === undefined || storage === 'r2') return { suffix: '', inFolder: false, ...nothing }
  if (storage === 'folder') return { suffix: '-folder', inFolder: true, ...nothing }
  if (storage !== 's3') throw new Error(`--storage takes r2, s3 or folder, not "${storage}"`)
  const port = await freePort()
  const { stop } = await startS3Server(port)
  return { suffix: '-s3', vars: s3Vars(port), inFolder: false, stop }
}
