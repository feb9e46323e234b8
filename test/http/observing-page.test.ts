/** What src/docs/observing.md and the dashboard of Grafana name is what the registry gives. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import dashboard from '../../src/docs/grafana-dashboard.json?raw'
import page from '../../src/docs/observing.md?raw'
import type { Env } from '../../src/http/middleware/context.ts'
import { bindings, send } from '../support/registry.ts'

/** The first cells of the table under a heading, without their backquotes. */
function namesUnder(heading: string): string[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [table = ''] = /(?:^\|.*\n)+/m.exec(section) ?? []
  return [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, name = '']) => name)
}

async function metrics(): Promise<string[]> {
  const text = await (await send('GET', '/metrics')).text()
  return [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
}

/** The columns of a data point, as the SQL API names them. */
async function columns(): Promise<string[]> {
  const points: AnalyticsEngineDataPoint[] = []
  const ANALYTICS = { writeDataPoint: (point = {}) => void points.push(point) }
  await send('GET', '/v2/', {}, { ...bindings, ANALYTICS } satisfies Env)
  const { indexes = [], blobs = [], doubles = [] } = points[0] ?? {}
  const numbered = (kind: string, values: readonly unknown[]) =>
    values.map((_, at) => `${kind}${at + 1}`)
  return [...numbered('index', indexes), ...numbered('blob', blobs), ...numbered('double', doubles)]
}

/** All texts in a value of JSON. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return value instanceof Object ? Object.values(value).flatMap(textsOf) : []
}

function columnsIn(text: string): string[] {
  return [...text.matchAll(/\b(?:index|blob|double)\d+\b/g)].map(([name]) => name)
}

const sorted = (names: Iterable<string>) => [...new Set(names)].sort()

afterEach(() => {
  vi.restoreAllMocks()
})

describe('observing.md', () => {
  it('lists every metric', async () => {
    expect(namesUnder('Metrics')).toEqual(await metrics())
  })

  it('lists every column of a data point', async () => {
    expect(namesUnder('Analytics Engine')).toEqual(await columns())
  })

  it('names only metrics and columns that exist', async () => {
    const named = page.match(/\bberth_[a-z_]*[a-z]\b/g) ?? []
    expect(sorted(named)).toEqual(sorted(await metrics()))
    expect(sorted(columnsIn(page))).toEqual(sorted(await columns()))
  })

  it('lists every field of the line of a request', async () => {
    const lines: string[] = []
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
    await send('GET', '/v2/team/app/blobs/none', {}, { ...bindings, LOG_REQUESTS: 'true' })
    expect(lines).toHaveLength(1)
    expect(namesUnder('The log')).toEqual(Object.keys(JSON.parse(lines[0] ?? '')))
  })
})

describe('the dashboard', () => {
  const texts = textsOf(JSON.parse(dashboard))

  it('shows every metric, and only metrics that exist', async () => {
    const named = texts.flatMap((text) => text.match(/\bberth_[a-z_]*[a-z]\b/g) ?? [])
    expect(sorted(named)).toEqual(sorted(await metrics()))
  })

  it('queries only columns that exist', async () => {
    const queries = texts.filter((text) => text.startsWith('SELECT '))
    expect(queries.length).toBeGreaterThan(0)
    const known = await columns()
    const unknown = queries.flatMap(columnsIn).filter((column) => !known.includes(column))
    expect(unknown).toEqual([])
  })
})
