/** Every page, in the colours and widths that people have. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { examine, launch, SCHEMES, WIDTHS } from './browser.ts'

const origin = `http://${process.env.REGISTRY}`

/** The documents are those that the index links to. */
const index = await (await fetch(`${origin}/docs`)).text()
const documents = [...index.matchAll(/<dt><a href="([^"]+)"/g)].map(
  ([, href = '']) => new URL(href, `${origin}/docs`).pathname,
)
const PAGES = ['/', '/docs', ...documents]

let browser: Browser
before(async () => {
  browser = await launch()
})
after(() => browser.close())

it('the index links to the documents', () => {
  ok(documents.includes('/docs/start'))
  ok(documents.includes('/docs/api'))
})

for (const scheme of SCHEMES) {
  for (const width of WIDTHS) {
    describe(`in ${scheme} colours, ${width} pixels wide`, () => {
      const clean = { overflow: 0, console: [], axe: [], requests: [] }
      for (const path of PAGES) {
        it(`${path} has no fault`, async () => {
          const found = await examine(browser, new URL(path, origin), { scheme, width })
          deepEqual(found, { status: 200, ...clean })
        })
      }

      it('an unknown path has a page of its own', async () => {
        const found = await examine(browser, new URL('/no/such/page', origin), { scheme, width })
        equal(found.status, 404)
        deepEqual({ ...found, console: [] }, { status: 404, ...clean })
      })
    })
  }
}
