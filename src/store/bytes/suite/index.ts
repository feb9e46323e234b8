/**
 * The driver suite, `berth/driver-suite`: what every driver of the blob store must do. It runs in the Workers runtime and needs no test
 * framework. A case throws if the driver is wrong:
 *
 *     for (const { title, run } of driverCases) it(title, () => run(driver))
 */
import { completeCases } from './complete-cases.ts'
import type { DriverCase } from './driver.ts'
import { listCases } from './list-cases.ts'
import { partCases } from './part-cases.ts'
import { readCases } from './read-cases.ts'
import { unreachableCases } from './unreachable-cases.ts'
import { writeCases } from './write-cases.ts'

export type { BlobStore } from '../blob-store.ts'
export type { DriverCase, DriverUnderTest } from './driver.ts'

export const driverCases: readonly DriverCase[] = [
  ...writeCases,
  ...readCases,
  ...listCases,
  ...partCases,
  ...completeCases,
  ...unreachableCases,
]
