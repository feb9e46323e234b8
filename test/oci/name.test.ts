import { describe, expect, it } from 'vitest'
import { isRepositoryName, isTag, parseRepositoryName, parseTag } from '../../src/oci/name.ts'
import { refusal } from './support.ts'

describe('repository names', () => {
  const valid = [
    'a',
    '0',
    'library/ubuntu',
    'a/b/c/d/e',
    'a.b_c__d-e---f',
    'do__cker/docker',
    'foo/project--id.module--name.ver---sion--name',
    `${'a/'.repeat(127)}a`,
    'a'.repeat(255),
  ]
  it.each(valid)('accepts %j', (name) => {
    expect(isRepositoryName(name)).toBe(true)
    expect(parseRepositoryName(name)).toBe(name)
  })

  const invalid = [
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'A',
    'a/B',
    'a:b',
    'a@b',
    'a b',
    'a\n',
    'a\0',
    'é',
    '.',
    '..',
    'a/../b',
    'a/./b',
    '-a',
    'a-',
    '_a',
    'a_',
    'a..b',
    'a___b',
    'a._b',
    'a-_b',
    'a/-b',
    'localhost:5000/a',
    'a'.repeat(256),
    `${'a/'.repeat(128)}a`,
  ]
  it.each(invalid)('refuses %j', (name) => {
    expect(isRepositoryName(name)).toBe(false)
    expect(refusal('NAME_INVALID', () => parseRepositoryName(name))).toMatch(/^invalid repository/)
  })

  it('says when only the length is wrong', () => {
    const message = refusal('NAME_INVALID', () => parseRepositoryName('a'.repeat(256)))
    expect(message).toContain('255')
  })

  it('quickly checks the inputs that make docker’s own pattern slow', () => {
    const start = performance.now()
    for (const unit of ['a', 'a-', 'a_', 'a.', 'a/', 'a__', '--', '-']) {
      for (const length of [24, 254, 100_000]) {
        expect(isRepositoryName(`${unit.repeat(length).slice(0, length)}!`)).toBe(false)
      }
    }
    expect(performance.now() - start).toBeLessThan(500)
  })
})

describe('tags', () => {
  it.each(['a', 'A', '_', '0', 'latest', 'v1.0.0-rc.1', '_.-', 'a'.repeat(128)])(
    'takes %j',
    (tag) => {
      expect(isTag(tag)).toBe(true)
      expect(parseTag(tag)).toBe(tag)
    },
  )

  const invalid = ['', '.a', '-a', 'a b', 'a/b', 'a:b', 'a@b', 'a\n', 'é', 'a+b', 'a'.repeat(129)]
  it.each([...invalid, 'a'.repeat(100_000)])('refuses %j', (tag) => {
    expect(isTag(tag)).toBe(false)
    expect(refusal('TAG_INVALID', () => parseTag(tag))).toContain(
      '[A-Za-z0-9_][A-Za-z0-9._-]{0,127}',
    )
  })
})
