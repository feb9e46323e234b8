/** The shape of a benchmark's rows: what is done, how often, and what the time may be at most. */

export type Operation = () => Promise<void>
/** Makes a fresh operation, outside of the time that counts: random bytes, digests, blobs that must exist. */
export type Prepare = () => Operation | Promise<Operation>
/** Sets a row up once for each subject and each concurrency. */
export type Setup<Client> = (client: Client) => Prepare | Promise<Prepare>

/** One subject's time as a multiple of another's. */
export interface Ratio {
  of: string
  to: string
}

export interface Bar extends Ratio {
  /** The largest ratio of the medians that meets it. */
  most: number
  /** How many operations at once it is asked of. */
  atOnce: readonly number[]
  /** Worth telling, not asked for. */
  goal?: true
}

export interface Row<Client> {
  /** For `--only` and the JSON. */
  id: string
  title: string
  bars: readonly Bar[]
  /** Samples, when `--runs` names no other number. */
  runs: number
  /** Operations in a sample: a single small request is too short to time. With many at once a sample has more. */
  batch: number
  /** Whether it is also measured with many operations at once. */
  concurrent: boolean
  setup: Setup<Client>
}
