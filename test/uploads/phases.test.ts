import { expect, it } from 'vitest'
import { assertMove, type Phase } from '../../src/uploads/phases.ts'

const PHASES: readonly Phase[] = ['none', 'open', 'finishing', 'done', 'ended']
const ALLOWED = [
  'none open',
  'none ended',
  'open finishing',
  'open ended',
  'finishing done',
  'finishing ended',
]

it.each(PHASES.flatMap((from) => PHASES.map((to) => [from, to] as const)))(
  'a move from %s to %s is allowed or refused as the design says',
  (from, to) => {
    const move = () => assertMove(from, to)
    if (ALLOWED.includes(`${from} ${to}`)) expect(move).not.toThrow()
    else expect(move).toThrow(`from ${from} to ${to}`)
  },
)
