/** GET /metrics: who may read it, and that Prometheus can. */
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { version } from '../../package.json'
import type { Env } from '../../src/http/middleware/context.ts'
import { administer, basic, closed, PASSWORD } from '../support/access-world.ts'
import { counted } from '../support/counting.ts'
import { bindings, pushImage, send } from '../support/registry.ts'

const METRICS_TOKEN = 'a-token-for-prometheus'
const scraped: Env = { ...closed, METRICS_TOKEN }
const BEARER = `Bearer ${METRICS_TOKEN}`

interface Sample {
  labels: Record<string, string>
  value: number
}

interface Family {
  help: string
  type: string
  samples: Sample[]
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = `([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\[\\\\n"])*)"`
const HELP = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\]|\\\\[\\\\n])*)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (-?[0-9.e+-]+)$`)

/** The text format, 0.0.4, more strictly than Prometheus reads it: each family is HELP, TYPE and its samples, and comes once. */
function parse(text: string): Map<string, Family> {
  expect(text.endsWith('\n')).toBe(true)
  const families = new Map<string, Family>()
  let [name, help, type] = ['', '', '']
  for (const line of text.slice(0, -1).split('\n')) {
    const [, named, helped] = HELP.exec(line) ?? []
    const [, typed, kind] = TYPE.exec(line) ?? []
    const [, sampled, labels = '', , , , , value] = SAMPLE.exec(line) ?? []
    if (named !== undefined) {
      expect(families.has(named), line).toBe(false)
      ;[name, help, type] = [named, helped ?? '', '']
    } else if (typed !== undefined) {
      expect([typed, type], line).toEqual([name, ''])
      type = kind ?? ''
      families.set(name, { help, type, samples: [] })
    } else {
      expect(sampled, line).toBe(name)
      expect(Number.isFinite(Number(value)), line).toBe(true)
      const pairs = [...labels.matchAll(new RegExp(LABEL, 'g'))]
      families.get(name)?.samples.push({
        labels: Object.fromEntries(pairs.map(([, label = '', text = '']) => [label, text])),
        value: Number(value),
      })
    }
  }
  return families
}

async function scrape(environment: Env, authorization?: string): Promise<Response> {
  const headers = authorization === undefined ? {} : { Authorization: authorization }
  return send('GET', '/metrics', { headers }, environment)
}

async function values(): Promise<Record<string, number | undefined>> {
  const families = parse(await (await scrape(bindings)).text())
  return Object.fromEntries([...families].map(([name, { samples }]) => [name, samples[0]?.value]))
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the metrics', () => {
  it('are in the text format of Prometheus', async () => {
    const response = await scrape(bindings)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const families = parse(await response.text())
    expect(families.get('berth_build_info')).toEqual({
      help: 'The running version.',
      type: 'gauge',
      samples: [{ labels: { version }, value: 1 }],
    })
    for (const [name, { type, samples, help }] of families) {
      expect(name).toMatch(/^berth_[a-z_]+[a-z]$/)
      expect(name).not.toMatch(/_total$/)
      expect([type, samples.length]).toEqual(['gauge', 1])
      expect(help).toMatch(/\.$/)
    }
  })

  it('count pushes and deletes', async () => {
    const before = await values()
    const image = await pushImage('metrics/app', 'latest')
    const after = await values()
    const grown = (name: string) => (after[name] ?? 0) - (before[name] ?? 0)
    expect(grown('berth_repositories')).toBe(1)
    expect(grown('berth_manifests')).toBe(1)
    expect(grown('berth_manifest_bytes')).toBe(image.bytes.length)
    expect(grown('berth_tags')).toBe(1)
    expect(grown('berth_blobs')).toBe(2)
    expect(grown('berth_blob_bytes')).toBe(image.config.size + image.layer.size)
    expect(grown('berth_outbox_events')).toBe(3)

    await send('DELETE', `/v2/metrics/app/manifests/${image.digest}`)
    await send('DELETE', `/v2/metrics/app/blobs/${image.layer.digest}`)
    const last = await values()
    expect(last).toMatchObject({
      berth_manifests: before.berth_manifests,
      berth_tags: before.berth_tags,
      berth_blobs: (before.berth_blobs ?? 0) + 1,
    })
    expect(last.berth_tombstones).toBe((before.berth_tombstones ?? 0) + 1)
    expect(last.berth_tombstones_overdue_seconds).toBe(0)
  })

  it('have ages in seconds, which grow with time', async () => {
    await pushImage('metrics/old', 'latest')
    const now = Date.now() + 2 * 60 * 60_000
    vi.spyOn(Date, 'now').mockReturnValue(now)
    const {
      berth_outbox_oldest_event_age_seconds: age,
      berth_tombstones_overdue_seconds: overdue,
    } = await values()
    expect(age).toBeGreaterThan(7199)
    expect(age).toBeLessThan(7260)
    expect(overdue).toBeGreaterThan(3590)
    expect(overdue).toBeLessThan(3660)
  })

  it('have the last runs of the sweeps, and 0 before the first', async () => {
    expect(await values()).toMatchObject({
      berth_collector_last_run_timestamp_seconds: 0,
      berth_collector_last_run_removed: 0,
      berth_orphan_sweep_last_run_timestamp_seconds: 0,
      berth_outbox_sweep_last_run_timestamp_seconds: 0,
    })
    await bindings.DB.prepare(
      `INSERT INTO sweeps VALUES ('collector', 1000500, 3), ('orphans', 3000000, 5), ('outbox', 2000000, 4)`,
    ).run()
    expect(await values()).toMatchObject({
      berth_collector_last_run_timestamp_seconds: 1000.5,
      berth_collector_last_run_removed: 3,
      berth_orphan_sweep_last_run_timestamp_seconds: 3000,
      berth_orphan_sweep_last_run_buried: 5,
      berth_orphan_sweep_stopped: 0,
      berth_outbox_sweep_last_run_timestamp_seconds: 2000,
      berth_outbox_sweep_last_run_resent: 4,
    })
  })

  it('cost one query', async () => {
    const counts = await counted(() => scrape(scraped, BEARER))
    expect(counts).toEqual({ r2Reads: 0, r2Writes: 0, r2Deletes: 0, d1: 1, durableObjectCalls: 0 })
  })
})

describe('the right to read them', () => {
  beforeAll(async () => {
    await administer('POST', '/accounts', { name: 'viewer', password: PASSWORD })
    const grant = {
      principal: 'account:viewer',
      pattern: '**',
      actions: ['pull', 'push', 'delete'],
    }
    await administer('PUT', '/grants', grant)
  })

  it.each<[string, Env, string | undefined, number]>([
    ['nobody', scraped, undefined, 401],
    ['an account without the right', scraped, basic('viewer', PASSWORD), 403],
    ['the administrator', scraped, basic('admin', closed.ADMIN_PASSWORD ?? ''), 200],
    [
      'the administrator, without METRICS_TOKEN',
      closed,
      basic('admin', closed.ADMIN_PASSWORD ?? ''),
      200,
    ],
    ['METRICS_TOKEN', scraped, BEARER, 200],
    ['METRICS_TOKEN, the scheme in small letters', scraped, `bearer ${METRICS_TOKEN}`, 200],
    ['a longer token', scraped, `${BEARER}x`, 401],
    ['a shorter token', scraped, BEARER.slice(0, -1), 401],
    ['the token in capitals', scraped, BEARER.toUpperCase(), 401],
    ['an empty token', scraped, 'Bearer ', 401],
    ['a token where none is set', closed, BEARER, 401],
    ['an empty token where none is set', closed, 'Bearer ', 401],
    ['the word null where none is set', closed, 'Bearer null', 401],
    ['the token as a password', scraped, basic('admin', METRICS_TOKEN), 401],
    ['anybody, where the registry is open', bindings, undefined, 200],
  ])('%s', async (_, environment, authorization, status) => {
    const response = await scrape(environment, authorization)
    expect(response.status).toBe(status)
    if (status === 401) expect(response.headers.get('WWW-Authenticate')).toMatch(/^Basic /)
    if (status !== 200) expect(await response.text()).not.toContain('berth_')
  })

  it.each([
    ['GET', '/v2/'],
    ['GET', '/v2/_catalog'],
    ['GET', '/v2/metrics/app/manifests/latest'],
    ['GET', '/api/v1/account'],
    ['GET', '/api/v1/audit'],
    ['POST', '/v2/metrics/app/blobs/uploads/'],
  ])('METRICS_TOKEN gives no other right: %s %s', async (method, path) => {
    const response = await send(method, path, { headers: { Authorization: BEARER } }, scraped)
    expect(response.status).toBe(401)
  })

  it('is used without writing the token to the log', async () => {
    const lines: string[] = []
    for (const method of ['log', 'error'] as const) {
      vi.spyOn(console, method).mockImplementation((line: unknown) => void lines.push(String(line)))
    }
    await scrape({ ...scraped, LOG_REQUESTS: 'true' }, BEARER)
    await scrape({ ...scraped, LOG_REQUESTS: 'true' }, `${BEARER}x`)
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { route: '/metrics', subject: '', status: 200 },
      { route: '/metrics', subject: '', status: 401 },
    ])
    expect(lines.join()).not.toContain(METRICS_TOKEN)
  })
})

it('/metrics is under the path prefix', async () => {
  const environment = { ...bindings, PUBLIC_URL: 'https://r.example/team' }
  expect((await send('GET', '/team/metrics', {}, environment)).status).toBe(200)
  expect((await send('GET', '/metrics', {}, environment)).status).toBe(404)
})
