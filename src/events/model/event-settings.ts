/** The settings of events. http/middleware/settings.ts reads them from the variables. */
import { type AddressOptions, allowLoopback, isHostPattern } from '../../lib/outgoing-address.ts'
import { type SettingsOf, setting, wholeNumber } from '../../lib/setting.ts'
import { parseDuration } from '../webhooks/duration.ts'
import { type Endpoint, parseEndpoints } from '../webhooks/endpoint.ts'

const DAY_MS = 24 * 60 * 60_000
const MIN_RETRY_MS = 1000
const MAX_RETRY_MS = 7 * DAY_MS

const webhookHosts = setting({
  variable: 'WEBHOOK_HOSTS',
  takes: 'hosts, separated by commas',
  default: [],
  defaultText: 'any',
  meaning: 'Webhooks may only go to these hosts, such as `hooks.example.com, *.example.org`.',
  parse(text): readonly string[] {
    const hosts = text.split(',').map((host) => host.trim().toLowerCase())
    if (hosts.every(isHostPattern)) return hosts
    throw new Error('hosts separated by commas, such as hooks.example.com, *.example.org')
  },
})

export const EVENT_SETTINGS = {
  webhooks: setting({
    variable: 'WEBHOOKS',
    takes: 'JSON list',
    default: [],
    meaning: 'Events go to these endpoints, and to the webhooks of the API.',
    parse: (json, read): readonly Endpoint[] =>
      parseEndpoints(json, { allowLoopback: read(allowLoopback), hosts: read(webhookHosts) }),
  }),
  webhookHosts,
  webhookRetryMs: setting({
    variable: 'WEBHOOK_RETRY',
    takes: 'a duration',
    default: DAY_MS,
    defaultText: '`24h`',
    meaning:
      'A failed delivery is retried for this long. The waits between attempts scale with it.',
    parse(text) {
      const milliseconds = parseDuration(text)
      if (milliseconds !== null && milliseconds >= MIN_RETRY_MS && milliseconds <= MAX_RETRY_MS) {
        return milliseconds
      }
      throw new Error('a duration from 1s to 168h, such as "24h"')
    },
  }),
  eventDays: setting({
    variable: 'EVENT_DAYS',
    ...wholeNumber(1, 365, 7),
    meaning: 'The registry keeps events and dead letters for this many days.',
  }),
  allowLoopback,
}

export type EventSettings = SettingsOf<typeof EVENT_SETTINGS>

export function addressOptions(
  settings: Pick<EventSettings, 'allowLoopback' | 'webhookHosts'>,
): AddressOptions {
  return { allowLoopback: settings.allowLoopback, hosts: settings.webhookHosts }
}
