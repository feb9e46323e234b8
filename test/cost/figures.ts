/**
 * What pushes and pulls are billed for, as bills.test.ts counts them and src/docs/cost.md tells them. When the cost changes, that test
 * fails and prints the new table; then `node test/cost/write-docs.ts` brings the page up to date.
 */
import { type Bill, billOf } from './bill.ts'
import type { Client } from './sequences.ts'

/** The image: five layers of 60 MB and a config, 300 MB. */
export const LAYERS = 5
export const LAYER_BYTES = 60_000_000

export const OCCASIONS = [
  'push',
  'push again',
  'first pull',
  'second pull',
  'third pull',
  'pull again',
] as const
/** The first, second and third pull at a location, by clients that have nothing yet. */
export type Occasion = (typeof OCCASIONS)[number]

/** Each in the order of UNITS; null where nothing was recorded. */
export const FIGURES: Figures = {
  clients: {
    docker: {
      push: billOf(35, 29, 185, 93, 71, 0, 24, 192, 189, 21),
      'push again': billOf(10, 10, 62, 9, 0, 0, 0, 0, 0, 3),
      'first pull': billOf(10, 9, 32, 0, 0, 6, 0, 0, 0, 0),
      'second pull': billOf(10, 9, 32, 0, 0, 5, 0, 0, 0, 0),
      'third pull': billOf(10, 9, 32, 0, 0, 0, 0, 0, 0, 0),
      'pull again': billOf(3, 2, 6, 0, 0, 0, 0, 0, 0, 0),
    },
    containerd: {
      push: billOf(34, 29, 162, 93, 6, 0, 0, 0, 0, 21),
      'push again': billOf(14, 8, 30, 0, 0, 0, 0, 0, 0, 0),
      'first pull': billOf(10, 9, 32, 0, 0, 6, 0, 0, 0, 0),
      'second pull': billOf(10, 9, 32, 0, 0, 5, 0, 0, 0, 0),
      'third pull': billOf(10, 9, 32, 0, 0, 0, 0, 0, 0, 0),
      'pull again': billOf(3, 2, 6, 0, 0, 0, 0, 0, 0, 0),
    },
    podman: {
      push: billOf(34, 28, 161, 93, 71, 0, 24, 192, 189, 21),
      'push again': billOf(10, 10, 62, 9, 0, 0, 0, 0, 0, 3),
      'first pull': billOf(9, 8, 30, 0, 0, 6, 0, 0, 0, 0),
      'second pull': billOf(9, 8, 30, 0, 0, 5, 0, 0, 0, 0),
      'third pull': billOf(9, 8, 30, 0, 0, 0, 0, 0, 0, 0),
      'pull again': null,
    },
  },
  pushTold: billOf(34, 29, 176, 114, 6, 0, 0, 0, 0, 21),
  minute: billOf(1, 6, 8, 1, 0, 0, 0, 0, 0, 0),
  hour: billOf(1, 10, 29, 3, 1, 2, 0, 0, 0, 0),
}

export interface Figures {
  clients: Record<Client, Record<Occasion, Bill | null>>
  /** containerd's push where one webhook wants its events: without, it is the same as above. */
  pushTold: Bill
  /** The sweeps of a minute and of an hour in which nothing happens. */
  minute: Bill
  hour: Bill
}
