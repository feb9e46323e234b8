/** Writes a request as a data point of Workers Analytics Engine. docs/observing.md names the columns. */
import { logError } from '../../lib/log.ts'
import type { Observation } from './observation.ts'

/** The platform's limit for an index. The name of a repository is ASCII, and may be longer. */
const INDEX_BYTES = 96

/** Never throws: a missing data point must not fail the answer. */
export function writeDataPoint(dataset: AnalyticsEngineDataset, observation: Observation): void {
  const { repository, method, route, status, cache, subject } = observation
  const { ms, bytes, d1, r2, uploads } = observation
  try {
    dataset.writeDataPoint({
      indexes: [repository.slice(0, INDEX_BYTES)],
      blobs: [method, route, `${Math.floor(status / 100)}xx`, cache ?? '', subject, repository],
      doubles: [ms, bytes ?? 0, d1, r2.reads, r2.writes, uploads],
    })
  } catch (error) {
    logError({ message: 'the data point was not written', requestId: observation.requestId }, error)
  }
}
