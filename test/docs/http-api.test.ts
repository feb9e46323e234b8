/** http-api.md has every route, operation, error, header and parameter of the code, and no other. */
import { describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import { operations } from '../../src/http/api/index.ts'
import { matchPath } from '../../src/http/middleware/path.ts'
import { ERROR_TABLE } from '../../src/oci/errors.ts'
import { openApi, withOperations } from './operations.ts'
import {
  firstNames,
  foundIn,
  headingsOf,
  namesIn,
  pageOf,
  rowsOf,
  sectionOf,
  sortedOnce,
  sourcesOf,
} from './pages.ts'

const page = pageOf('spec/http-api.md')

/** The headings that are a method and a path. */
const routeHeadings = headingsOf(page).filter((heading) => /^[A-Z]+ \//.test(heading))
const [registryHeadings, operationHeadings] = [
  routeHeadings.filter((heading) => !heading.includes(' /api/v1/')),
  routeHeadings.filter((heading) => heading.includes(' /api/v1/')),
]

/** `GET /manifests`: a heading as the app knows its route. */
function routeOf(heading: string): string {
  const [method, path = ''] = heading.split(' ')
  const example = path.replace('<name>', 'team/app').replace(/<\w+>$/, 'x')
  return `${method} ${matchPath(example, '').route}`
}

/** The methods and paths that the app handles, without middleware and without the administration API. */
function appRoutes(): string[] {
  const app = createApp(() => {
    throw new Error('no request is sent')
  })
  return app.routes
    .filter(({ method, path }) => method !== 'ALL' && !path.startsWith('/api/'))
    .map(({ method, path }) => `${method} ${path}`)
}

describe('the routes', () => {
  it('are those of the app', () => {
    expect(registryHeadings.map(routeOf).toSorted()).toEqual(sortedOnce(appRoutes()))
  })

  it('are all in the list of routes, with a link to their section', () => {
    const listed = firstNames(rowsOf(page, 'Routes'))
    expect(listed.toSorted()).toEqual(
      [...registryHeadings, 'GET /api/v1/openapi.json', '/api/v1/…'].toSorted(),
    )
  })

  it('have every parameter that the code reads', () => {
    const inQueries = foundIn(
      'http/v2',
      /(?:req\.(?:query|queries)\(|queryWithPlus\(c, )'([\w-]+)'/g,
    )
    const mounts = ['mount', 'from']
    const inForms = foundIn('auth/tokens', /(?:query|form)\.(?:get|getAll|has)\('(\w+)'\)/g)
    const required = foundIn('auth/tokens', /required\(form, '(\w+)'\)/g)
    const parameters = [...inQueries, ...mounts, ...inForms, ...required]
    expect(parameters.length).toBeGreaterThan(15)
    const named = namesIn(page)
    expect(parameters.filter((name) => !named.includes(name))).toEqual([])
  })

  it('have every gauge of /metrics', () => {
    const gauges = foundIn('http/metrics.ts', /gauge\(\s*'(\w+)'/g)
    const written = firstNames(rowsOf(page, 'GET /metrics')).filter((name) => /^berth_/.test(name))
    expect(written.toSorted()).toEqual(
      [...gauges, 'build_info']
        .map((name) => `berth_${name}`)
        .filter(once)
        .toSorted(),
    )
  })
})

function once<T>(value: T, index: number, all: readonly T[]): boolean {
  return all.indexOf(value) === index
}

describe('the administration API', () => {
  it('is described as its OpenAPI document does today: node test/docs/write-docs.ts', () => {
    expect(page).toBe(withOperations(page))
  })

  it('has every operation, and no other', () => {
    const known = operations.map(({ method, path }) => `${method.toUpperCase()} /api/v1${path}`)
    expect(operationHeadings.toSorted()).toEqual([...known, 'GET /api/v1/openapi.json'].toSorted())
  })

  it.each(operations.map((one) => [one.id, one] as const))(
    '%s has its parameters and its statuses',
    (id, { method, path }) => {
      const section = sectionOf(page, `${method.toUpperCase()} /api/v1${path}`)
      const { parameters = [], responses } = openApi.paths[path]?.[method] ?? { responses: {} }
      expect(namesIn(section)).toEqual(
        expect.arrayContaining([
          id,
          ...parameters.map(({ name }) => name),
          ...Object.keys(responses),
        ]),
      )
    },
  )
})

describe('the errors', () => {
  /** The statuses that the code gives an error besides that of the table. */
  function moreStatuses(code: string): string[] {
    const direct = new RegExp(`new RegistryError\\('${code}', \\{[^}]*?status: (\\d{3})`, 'g')
    const found = foundIn('', direct)
    const helper = { UNSUPPORTED: 'badRequest', REQUEST_INVALID: 'bodyRefusal' }[code]
    if (helper === undefined) return found
    const called = new RegExp(`\\b${helper}\\((?:[^()]|\\([^()]*\\))*?, (\\d{3})\\)`, 'g')
    const byDefault = code === 'UNSUPPORTED' ? foundIn('auth/tokens', /status = (\d{3})/g) : []
    return [...found, ...foundIn('', called), ...byDefault]
  }

  it('are those of the table, each with all of its statuses', () => {
    const written = rowsOf(page, 'Errors').filter(([first = '']) => /^`[A-Z_]+`$/.test(first))
    const statuses = written.map(([code = '', list = '']) => [
      code.replaceAll('`', ''),
      list.split(', ').toSorted(),
    ])
    const known = Object.entries(ERROR_TABLE).map(([code, { status }]) => [
      code,
      sortedOnce([String(status), ...moreStatuses(code)]),
    ])
    expect(Object.fromEntries(statuses)).toEqual(Object.fromEntries(known))
  })

  it('of the routes are in the table', () => {
    const settings = /^[A-Z]+_[A-Z_]+$/
    const named = rowsOf(page, 'Errors').flatMap(([code = '']) => namesIn(code))
    for (const heading of registryHeadings) {
      const codes = rowsOf(page, heading).flatMap(([status = '', code = '']) =>
        /^[1-5]\d\d/.test(status) ? namesIn(code).filter((name) => settings.test(name)) : [],
      )
      expect(named, heading).toEqual(expect.arrayContaining(codes))
    }
  })
})

/** Headers of one word. Other names of one word in the code are no headers. */
const ONE_WORD =
  /^(?:Accept|Allow|Authorization|ETag|Forwarded|Host|Link|Location|Origin|Range|Vary)$/

/** The parameters of a signed URL, and the values of an extension of OpenAPI, look like headers. */
const NO_HEADER = /^(?:X-Amz-|x-access$)/

/** The headers that the code sets or reads, but for those of its requests to S3. */
function headersOfCode(): string[] {
  const own = sourcesOf().filter(({ path }) => !path.startsWith('store/bytes/s3-'))
  const names = own.flatMap(({ code }) => [
    ...code.matchAll(/\b(?:header|headers\.(?:get|set|has|append))\(\s*'([\w-]+)'/g),
    ...code.matchAll(/'((?:[A-Z][A-Za-z]*|webhook)(?:-[A-Za-z]+)+)'(?:: |,\n)/g),
    ...code.matchAll(/[{\s]([A-Z][A-Za-z]+): /g),
    ...code.matchAll(/^\s*'([A-Z][A-Za-z]+)',$/gm),
  ])
  return sortedOnce(names.map(([, name = '']) => name)).filter(
    (name) => (name.includes('-') || ONE_WORD.test(name)) && !NO_HEADER.test(name),
  )
}

describe('the headers', () => {
  const documented = firstNames([
    ...rowsOf(page, 'Request headers'),
    ...rowsOf(page, 'Response headers'),
  ]).filter((name) => name !== 'RESPONSE_HEADERS')
  const ofDeliveries = firstNames(rowsOf(pageOf('spec/events.md'), 'Request'))

  it('have every header that the code sets or reads', () => {
    const names = headersOfCode()
    expect(names.length).toBeGreaterThan(35)
    const written = [...documented, ...ofDeliveries]
    expect(names.filter((name) => !written.includes(name))).toEqual([])
  })

  it('have no other', () => {
    const names = headersOfCode()
    expect(documented.filter((name) => !names.includes(name))).toEqual([])
  })
})
