/** What Cloudflare bills for, in its own units. */

export const UNITS = [
  'invocations',
  'd1Queries',
  'd1RowsRead',
  'd1RowsWritten',
  'r2ClassA',
  'r2ClassB',
  'objectRequests',
  'objectRowsRead',
  'objectRowsWritten',
  'queueOperations',
] as const

/**
 * `invocations`: requests, runs of the queues' consumer and of the cron triggers. `d1Queries` are not billed themselves: each is a
 * round trip, of one statement or of a batch. Class A writes and lists, class B reads. Of Durable Objects each call and each alarm
 * that goes off is a request, and each alarm that is set a row. A queue's message is written, read and deleted for each 64 KB.
 */
export type Bill = Record<(typeof UNITS)[number], number>

/** The numbers in the order of UNITS; what is left out is 0. */
export function billOf(...numbers: number[]): Bill {
  return {
    invocations: 0,
    d1Queries: 0,
    d1RowsRead: 0,
    d1RowsWritten: 0,
    r2ClassA: 0,
    r2ClassB: 0,
    objectRequests: 0,
    objectRowsRead: 0,
    objectRowsWritten: 0,
    queueOperations: 0,
    ...Object.fromEntries(UNITS.map((unit, at) => [unit, numbers[at] ?? 0])),
  }
}
