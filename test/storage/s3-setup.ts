/** Starts the S3 servers before the tests on S3, and stops them after. */
import { startS3Server } from './s3-server.ts'
import { startStandIn } from './s3-stand-in.ts'

export default async function setup(): Promise<() => Promise<void>> {
  const [port = 0, standIn = 0] = (process.env.S3_PORTS ?? '').split(',').map(Number)
  const server = await startS3Server(port)
  const other = await startStandIn(standIn)
  return async () => {
    other.closeAllConnections()
    other.close()
    await server.stop()
  }
}
