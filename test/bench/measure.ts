/** Times one row: the subjects take turns sample by sample, so that whatever else the machine does hits all of them alike. */
import type { Operation, Row } from './rows.ts'
import type { Subject } from './subjects.ts'

/** Milliseconds an operation, a value for each sample, or why there are none. */
export type Outcome = { samples: number[] } | { failure: string }

export interface Result {
  row: Row
  /** By the subject's name. */
  outcomes: Map<string, Outcome>
}

interface Runner {
  name: string
  samples: number[]
  prepare: () => Promise<Operation>
}

/** A subject that fails drops out of the row and takes nothing from the others. */
export async function measure(
  row: Row,
  subjects: readonly Subject[],
  runs: number,
): Promise<Result> {
  const outcomes = new Map<string, Outcome>()
  const runners: Runner[] = []
  for (const { name, setup } of subjects) {
    try {
      const prepare = await setup(row)
      // The first operation pays for connections and just-in-time compilation.
      await sample(prepare, 1)
      const samples: number[] = []
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
        samples.push(await sample(prepare, row.batch))
      } catch (error) {
        outcomes.set(name, { failure: String(error) })
      }
    }
  }
  return { row, outcomes }
}

/** @returns milliseconds an operation */
async function sample(prepare: () => Promise<Operation>, batch: number): Promise<number> {
  const operations: Operation[] = []
  while (operations.length < batch) operations.push(await prepare())
  const start = performance.now()
  for (const operation of operations) await operation()
  return (performance.now() - start) / batch
}
