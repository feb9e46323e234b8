/** What an operator may set about events; http/settings.ts reads it from the variables. */

import { type AddressOptions, isHostPattern } from '../lib/outgoing-address.ts'
import { parseDuration } from './duration.ts'
import type { Endpoint } from './endpoint.ts'

export interface EventSettings {
  /** Endpoints of the WEBHOOKS variable. */
  webhooks: readonly Endpoint[]
  /** Hosts (isHostPattern) to which webhooks may go; empty for any. */
  webhookHosts: readonly string[]
  /** For so long a delivery that fails is tried again. */
  webhookRetryMs: number
  /** For so long the feed keeps events, and the registry its dead letters. */
  eventDays: number
  allowLoopback: boolean
}

export function addressOptions({ allowLoopback, webhookHosts }: EventSettings): AddressOptions {
  return { allowLoopback, hosts: webhookHosts }
}

const MIN_RETRY_MS = 1000
const MAX_RETRY_MS = 7 * 24 * 60 * 60_000

/** @throws {Error} for what is no list of hosts */
export function parseHosts(text: string): string[] {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase())
  if (hosts.every(isHostPattern)) return hosts
  throw new Error('hosts with commas between them, such as hooks.example.com, *.example.org')
}

/** Milliseconds. @throws {Error} for what is no duration, or too short or too long a one */
export function parseRetryTime(text: string): number {
  const milliseconds = parseDuration(text)
  if (milliseconds !== null && milliseconds >= MIN_RETRY_MS && milliseconds <= MAX_RETRY_MS) {
    return milliseconds
  }
  throw new Error('a duration such as "24h", of 1s to 168h')
}
