/** Each link of the specifications leads to a page and to a heading of it. */
import { expect, it } from 'vitest'
import { headingsOf, pageOf } from './pages.ts'

const SPECIFICATIONS = ['http-api', 'events', 'data-model', 'upload-protocol', 'tokens']

/** The id of a heading, as GitHub makes it. */
function idOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')
}

it.each(SPECIFICATIONS)('every link of %s.md leads somewhere', (name) => {
  const page = pageOf(`spec/${name}.md`)
  const links = [...page.replace(/`[^`\n]*`/g, '').matchAll(/\]\(([^)]+)\)/g)].map(
    ([, target = '']) => target,
  )
  const inner = links.filter((target) => !/^https?:/.test(target))
  expect(inner.length).toBeGreaterThan(0)
  const broken = inner.filter((target) => {
    const [file = '', anchor] = target.split('#')
    const other = file === '' ? page : pageOf(new URL(file, 'file:///spec/').pathname.slice(1))
    return other === '' || (anchor !== undefined && !headingsOf(other).map(idOf).includes(anchor))
  })
  expect(broken).toEqual([])
})
