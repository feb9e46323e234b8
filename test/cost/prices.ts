/** List prices in US dollars, as they were in November 2026, each with where it was read. */

/** What Cloudflare charges for: `included` a month in the Workers Paid plan, then `dollars` for each `per`. */
export interface Price {
  included: number
  dollars: number
  per: number
  /** Usage is rounded up to whole `per`. */
  roundsUp?: true
}

export const WORKERS_PAID_DOLLARS = 5

const MILLION = 1_000_000
const BILLION = 1000 * MILLION

/**
 * developers.cloudflare.com: workers/platform/pricing, r2/pricing, d1/platform/pricing, durable-objects/platform/pricing,
 * queues/platform/pricing; observability/pricing, which holds for Workers Logs from 1 December 2026.
 */
export const CLOUDFLARE = {
  requests: { included: 10 * MILLION, dollars: 0.3, per: MILLION },
  cpuMs: { included: 30 * MILLION, dollars: 0.02, per: MILLION },
  r2GbMonths: { included: 10, dollars: 0.015, per: 1, roundsUp: true },
  r2ClassA: { included: MILLION, dollars: 4.5, per: MILLION, roundsUp: true },
  r2ClassB: { included: 10 * MILLION, dollars: 0.36, per: MILLION, roundsUp: true },
  d1RowsRead: { included: 25 * BILLION, dollars: 0.001, per: MILLION },
  d1RowsWritten: { included: 50 * MILLION, dollars: 1, per: MILLION },
  d1GbMonths: { included: 5, dollars: 0.75, per: 1 },
  objectRequests: { included: MILLION, dollars: 0.15, per: MILLION },
  objectGbSeconds: { included: 400_000, dollars: 12.5, per: MILLION },
  objectRowsRead: { included: 25 * BILLION, dollars: 0.001, per: MILLION },
  objectRowsWritten: { included: 50 * MILLION, dollars: 1, per: MILLION },
  objectGbMonths: { included: 5, dollars: 0.2, per: 1 },
  queueOperations: { included: MILLION, dollars: 0.4, per: MILLION },
  logGb: { included: 50, dollars: 0.25, per: 1 },
  logGbMonths: { included: 12, dollars: 0.1, per: 1 },
} as const satisfies Record<string, Price>

/** Up to so many GiB a month, from where the last tier ended, and what one costs. */
export type Tier = readonly [upTo: number, dollars: number]

/** Data transfer out of us-east-1 to the internet: wring.co, atonementlicensing.com and usage.ai, all of 2026. */
export const AWS_TRANSFER: readonly Tier[] = [
  [100, 0],
  [10_240, 0.09],
  [51_200, 0.085],
  [153_600, 0.07],
  [Number.POSITIVE_INFINITY, 0.05],
]

/** Amazon ECR's pricing page as cloudburn.io and wring.co quote it in March 2026: for each GB-month. */
export const ECR_STORAGE = { included: 0, dollars: 0.1, per: 1 } as const satisfies Price

/** The Premium Tier, from North America: dev.to/suhas_mallesh, March 2026. */
export const GOOGLE_TRANSFER: readonly Tier[] = [
  [1024, 0.12],
  [10_240, 0.11],
  [Number.POSITIVE_INFINITY, 0.08],
]

/** cloud.google.com/artifact-registry/pricing, which also says that transfer to the internet is of the Premium Tier. */
export const ARTIFACT_REGISTRY_STORAGE = {
  included: 0.5,
  dollars: 0.1,
  per: 1,
} as const satisfies Price
