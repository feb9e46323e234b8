/** The documents as pages: what Markdown becomes, and that no link leads nowhere. */
import { describe, expect, it } from 'vitest'
import { apiReference, type OpenApi } from '../../src/docs/site/api-reference.ts'
import { groupsOf, pathOf, rootFrom } from '../../src/docs/site/contents.ts'
import { renderMarkdown } from '../../src/docs/site/markdown.ts'
import { renderSite } from '../../src/docs/site/site.ts'
import { readAttached, readSources } from '../../src/docs/site/sources.ts'
import { Html } from '../../src/http/ui/html.ts'

const API = { path: 'docs/api', title: 'API reference', sections: [], content: new Html('') }

/** A site of these documents, by their names below src/docs/. */
function siteOf(documents: Record<string, string>) {
  const sources = Object.entries(documents).map(([name, markdown]) => ({
    file: `src/docs/${name}`,
    markdown,
  }))
  return renderSite(sources, API)
}

function rendered(markdown: string) {
  return renderMarkdown(markdown, (href) => href)
}

describe('the documents of this repository', () => {
  const sources = readSources()

  it('link to nothing that does not exist', () => {
    expect(renderSite(sources, API, readAttached()).brokenLinks).toEqual([])
  })

  it.each(sources)('have a title and say what they are for: $file', ({ markdown }) => {
    const { title, lead } = rendered(markdown)
    expect(title).not.toBe('')
    expect(lead).not.toBe('')
  })

  it('have a place in the navigation', () => {
    const entries = sources.map(({ file }) => ({ path: pathOf(file) ?? '', label: file }))
    expect(groupsOf(entries).map(({ name }) => name)).not.toContain('More')
  })
})

describe('Markdown', () => {
  it('has headings with the ids of GitHub', () => {
    const { ids, sections, title } = rendered(
      '# A\n\n## `.dev.vars` & more: what?\n\n## Twice\n\n### Twice\n\n## Ünï_code 2.0\n',
    )
    expect(title).toBe('A')
    expect([...ids]).toEqual(['a', 'devvars--more-what', 'twice', 'twice-1', 'ünï_code-20'])
    expect(sections.map((section) => section.title)).toEqual([
      '.dev.vars & more: what?',
      'Twice',
      'Ünï_code 2.0',
    ])
  })

  it('has its first paragraph as the lead, without links', () => {
    expect(rendered('# A\n\n<!-- x -->\n\nSee [b](b.md) & `c`.\n\nMore.').lead).toBe(
      'See b &amp; <code>c</code>.',
    )
    expect(rendered('# A\n\n## B\n\nText').lead).toBe('')
  })

  it('becomes no element of its own', () => {
    const { html } = rendered('# A\n\n<script>x</script>\n\nin <b>line</b> <!-- gone -->\n')
    expect(html).toContain('&lt;script&gt;')
    expect(html).toContain('in &lt;b&gt;line&lt;/b&gt;')
    expect(html).not.toContain('gone')
  })

  it('escapes code and links', () => {
    const { html } = rendered(
      '```sh needs=docker\na < "b" && c\n```\n\n[x](https://e.example/?a=1&b="2")',
    )
    expect(html).toContain(
      '<pre tabindex="0"><code>a &lt; &quot;b&quot; &amp;&amp; c\n</code></pre>',
    )
    expect(html).not.toContain('needs=docker')
    expect(html).not.toContain('b="2"')
  })

  it('has tables in boxes that scroll, whose empty corner is no heading', () => {
    const { html } = rendered('|   | b |\n|---|---|\n| 1 | 2 |\n')
    expect(html).toContain(
      '<div class="table" tabindex="0"><table><thead><tr><td></td><th>b</th></tr>',
    )
  })
})

describe('links', () => {
  const { files, brokenLinks } = siteOf({
    'access.md':
      '# Access\n\nSee [t](spec/tokens.md#keys), [here](#access), [api](api.md), [src](../app.ts).',
    'spec/tokens.md': '# Tokens\n\nSee [a](../access.md) and [e](https://e.example).\n\n## Keys\n',
    'api.md': '# The API\n\nText.',
  })

  it('lead from page to page, under any path', () => {
    const access = files.get('access.html')
    expect(access).toContain('<a href="../docs/spec/tokens#keys">t</a>')
    expect(access).toContain('<a href="#access">here</a>')
    expect(access).toContain('<a href="../docs/api-guide">api</a>')
    const tokens = files.get('spec/tokens.html')
    expect(tokens).toContain('<a href="../../docs/access">a</a>')
    expect(tokens).toContain('<a href="https://e.example">e</a>')
    expect(brokenLinks).toEqual([])
  })

  it('to files that are no documents leave their text', () => {
    expect(files.get('access.html')).toContain(', src.')
  })

  it('that lead nowhere are told', () => {
    const site = siteOf({
      'a.md': '# A\n\n[1](b.md) [2](#none) [3](c.md#none) [4](x.json)',
      'c.md': '# C\n',
    })
    expect(site.brokenLinks).toEqual([
      'src/docs/a.md links to src/docs/b.md, which does not exist',
      'src/docs/a.md links to src/docs/a.md#none, which does not exist',
      'src/docs/a.md links to src/docs/c.md#none, which does not exist',
      'src/docs/a.md links to src/docs/x.json, which does not exist',
    ])
  })

  it.each([
    ['docs', './'],
    ['docs/access', '../'],
    ['docs/spec/tokens', '../../'],
  ])('reach the root of the registry from %s by %s', (path, root) => {
    expect(rootFrom(path)).toBe(root)
    expect(new URL(root, `http://r.example/team/${path}`).pathname).toBe('/team/')
  })
})

describe('the index', () => {
  it('has every page with its first paragraph', () => {
    const { files } = siteOf({
      'access.md': '# Access\n\nWho may *pull*.',
      'new.md': '# New\n\nB.',
    })
    const index = files.get('index.html')
    expect(index).toContain(
      '<dt><a href="./docs/access">Access</a></dt><dd>Who may <em>pull</em>.</dd>',
    )
    expect(index).toContain('<dt><a href="./docs/new">New</a></dt>')
    expect(index).toContain('<dt><a href="./docs/api">API reference</a></dt>')
  })
})

describe('the API reference', () => {
  const document: OpenApi = {
    info: { title: 'T', description: 'All.' },
    servers: [{ url: '/api/v1' }],
    paths: {
      '/things/{id}': {
        put: {
          operationId: 'putThing',
          summary: 'Set <it>',
          description: 'The field `a` stays.',
          parameters: [
            { name: 'id', in: 'path', required: true, schema: { type: 'string', maxLength: 9 } },
            {
              name: 'n',
              in: 'query',
              required: false,
              description: 'How many',
              schema: { type: 'integer', minimum: 1, maximum: 5 },
            },
          ],
          requestBody: {
            required: true,
            content: {
              'application/json': { schema: { $ref: '#/components/schemas/putThingBody' } },
            },
          },
          responses: {
            200: {
              description: 'Done',
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
            },
            404: { description: 'It does not exist' },
          },
        },
      },
    },
    components: {
      schemas: {
        putThingBody: {
          type: 'object',
          required: ['kinds'],
          properties: {
            kinds: { type: 'array', items: { type: 'string', enum: ['x', 'y'] } },
            inner: {
              type: 'object',
              properties: { deep: { anyOf: [{ type: 'null' }, { type: 'boolean' }] } },
            },
          },
        },
        Thing: { type: 'object', properties: { pattern: { type: 'string', pattern: '^a<b$' } } },
      },
    },
  }
  const page = apiReference(document, new Map([['putThing', 'administrators']]))
  const text = page.content.text

  it.each([
    '<h3 id="putThing">Set &lt;it&gt;',
    '<b>PUT</b> /api/v1/things/{id}',
    'The field <code>a</code> stays.',
    'For administrators.',
    '<code>id</code> <span class="note">path</span></td><td>string</td><td><span class="note">at most 9 characters</span>',
    '<code>n</code> <span class="note">query, optional</span></td><td>integer</td><td>How many. <span class="note">1 to 5</span>',
    '<code>kinds</code></td><td>array of <code>&quot;x&quot;</code> | <code>&quot;y&quot;</code>',
    '<code>inner.deep</code> <span class="note">optional</span></td><td>null or boolean',
    '<a href="#schema-Thing">Thing</a>',
    '<h3 id="schema-Thing">',
    '<code>^a&lt;b$</code>',
    'Errors: <code>404</code>',
    '<td>It does not exist</td>',
  ])('has %s', (part) => {
    expect(text).toContain(part)
  })

  it('has a body that only one operation takes where it is taken', () => {
    expect(text).not.toContain('schema-putThingBody')
  })

  it('has a section for each noun', () => {
    expect(page.sections.map(({ id }) => id)).toEqual(['errors', 'things', 'schemas'])
  })
})
