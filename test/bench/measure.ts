/** Times one row: the subjects take turns sample by sample, so that whatever else the machine does hits all of them alike. */
import { performance } from 'node:perf_hooks'
import type { Operation, Row } from './row.ts'
import type { Subject } from './subjects.ts'

export interface Sample {
  /** Elapsed, divided by the operations. */
  milliseconds: number
  /** Part of the time in which this process was busy, 0 to 1: near 1 it is the client that was measured. */
  client: number
}

/** What a subject's samples were, or why there are none. */
export type Outcome = { samples: Sample[] } | { failure: string }

export interface Result {
  row: Pick<Row<unknown>, 'id' | 'title' | 'bars'>
  /** How many operations were under way at a time. */
  atOnce: number
  /** By the subject's name. */
  outcomes: Map<string, Outcome>
}

interface Runner {
  name: string
  samples: Sample[]
  prepare: () => Promise<Operation>
}

/** Each worker does so many operations in a sample, at least: fewer would time the start and the end. */
const OPERATIONS_EACH = 8

/** A subject that fails drops out of the row and takes nothing from the others. */
export async function measure<R extends Row<never>>(
  row: R,
  subjects: readonly Subject<R>[],
  { runs, atOnce }: { runs: number; atOnce: number },
): Promise<Result> {
  const batch = atOnce === 1 ? row.batch : Math.max(row.batch, atOnce * OPERATIONS_EACH)
  const outcomes = new Map<string, Outcome>()
  const runners: Runner[] = []
  for (const { name, setup } of subjects) {
    try {
      const prepare = await setup(row)
      // The first operations pay for connections and just-in-time compilation.
      await sample(prepare, batch, atOnce)
      const samples: Sample[] = []
      runners.push({ name, samples, prepare })
      outcomes.set(name, { samples })
    } catch (error) {
      outcomes.set(name, { failure: String(error) })
    }
  }
  for (let run = 0; run < runs; run++) {
    // Every other time in reverse: who comes first may find the disk still busy with the one before.
    const turn = run % 2 === 0 ? runners : runners.toReversed()
    for (const { name, samples, prepare } of turn) {
      if ('failure' in (outcomes.get(name) ?? {})) continue
      try {
        samples.push(await sample(prepare, batch, atOnce))
      } catch (error) {
        outcomes.set(name, { failure: String(error) })
      }
    }
  }
  return { row, atOnce, outcomes }
}

async function sample(
  prepare: () => Promise<Operation>,
  batch: number,
  atOnce: number,
): Promise<Sample> {
  const operations: Operation[] = []
  while (operations.length < batch) operations.push(await prepare())
  const next = operations.values()
  const work = async () => {
    for (const operation of next) await operation()
  }
  const idle = performance.eventLoopUtilization()
  const start = performance.now()
  await Promise.all(Array.from({ length: atOnce }, work))
  const milliseconds = (performance.now() - start) / batch
  return { milliseconds, client: performance.eventLoopUtilization(idle).utilization }
}
