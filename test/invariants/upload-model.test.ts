/**
 * Uploads do what the model says, whatever clients do in whatever order: no upload disturbs another one, no blob is of mixed bytes,
 * nothing fails with a 5xx. `npm run model -- 10000` tries more sequences than this does by itself.
 */
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { it } from 'vitest'
import { SequenceRun } from '../support/upload-run.ts'
import { sequence } from '../support/upload-sequences.ts'

/** Sequences that run beside each other: none disturbs another one's uploads. */
const AT_ONCE = 4
const SEQUENCES = Number(env.MODEL_SEQUENCES)
/** As long as a sequence may take on a busy machine. */
const SEQUENCE_MS = 1000
const MINUTE = 60_000

it(
  'any sequence of requests, with old ids, cancels, repeats and evictions, is answered as the model says',
  async () => {
    const together = fc.array(sequence, { minLength: AT_ONCE, maxLength: AT_ONCE })
    const property = fc.asyncProperty(together, async (sequences) => {
      await Promise.all(sequences.map((steps) => new SequenceRun().run(steps)))
    })
    await fc.assert(property, {
      numRuns: Math.ceil(SEQUENCES / AT_ONCE),
      // A failure is told before the test itself times out; its seed and path are in the message.
      interruptAfterTimeLimit: MINUTE + SEQUENCES * SEQUENCE_MS,
      markInterruptAsFailure: true,
      ...(env.MODEL_SEED === '' ? {} : { seed: Number(env.MODEL_SEED) }),
    })
  },
  2 * MINUTE + SEQUENCES * SEQUENCE_MS,
)
