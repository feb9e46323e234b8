import { Request } from 'miniflare'
import { describe, expect, it } from 'vitest'
import { serveDocument } from '../../src/cli/documents.ts'

const URL_OF_INDEX = 'http://documents.invalid/index.html'
const served = (ifNoneMatch?: string) =>
  serveDocument(
    new Request(URL_OF_INDEX, {
      headers: ifNoneMatch === undefined ? {} : { 'If-None-Match': ifNoneMatch },
    }),
  )

describe('the file server of the documents', () => {
  it('answers 304 for its tag, also if a proxy weakened it, in a list, or for any', async () => {
    const { status, headers } = await served()
    expect(status).toBe(200)
    const tag = headers.get('ETag') ?? ''
    for (const held of [tag, `W/${tag}`, `"other", W/${tag}`, '*']) {
      expect((await served(held)).status, held).toBe(304)
    }
    expect((await served('"other"')).status).toBe(200)
  })
})
