/** Patterns match whole segments: what they match, what they have in common, and what is none. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  intersectPatterns,
  isRepositoryPattern,
  matchesPattern,
} from '../../src/lib/repository-pattern.ts'

describe('isRepositoryPattern', () => {
  it.each(['a', 'team/app', '*', '**', 'team/*', 'team/**', 'a/b/c/*', 'a-b/**'])(
    '%s is one',
    (text) => expect(isRepositoryPattern(text)).toBe(true),
  )

  it.each([
    '',
    '/',
    '***',
    'team*',
    'team**',
    'te*/app',
    '*/app',
    '**/app',
    'team/*/app',
    'team/**/app',
    'team/',
    '/team',
    'team//*',
    '/*',
    'Team/*',
    'team/?',
    'team/[a]',
    'team/app ',
    `${'a'.repeat(256)}/*`,
  ])('refuses %j', (text) => expect(isRepositoryPattern(text)).toBe(false))
})

describe('matchesPattern', () => {
  it.each([
    ['team/app', ['team/app'], ['team', 'team/ap', 'team/app2', 'team/app/x', 'xteam/app']],
    [
      'team/*',
      ['team/app', 'team/a-b'],
      ['team', 'team/app/x', 'team-b/app', 'team2/app', 'a/team/app'],
    ],
    [
      'team/**',
      ['team/app', 'team/app/x', 'team/a/b/c'],
      ['team', 'team-b/app', 'teams/app', 'a/team/app'],
    ],
    ['*', ['team', 'app'], ['team/app', 'team/app/x']],
    ['**', ['team', 'team/app', 'team/app/x'], []],
  ])('%s', (pattern, matching, others) => {
    for (const name of matching) expect([name, matchesPattern(pattern, name)]).toEqual([name, true])
    for (const name of others) expect([name, matchesPattern(pattern, name)]).toEqual([name, false])
  })
})

describe('intersectPatterns', () => {
  it.each([
    ['a/b', 'a/b', 'a/b'],
    ['a/*', 'a/b', 'a/b'],
    ['a/**', 'a/*', 'a/*'],
    ['**', 'a/**', 'a/**'],
    ['*', 'a', 'a'],
    ['*', 'a/*', null],
    ['a/*', 'a/b/**', null],
    ['a/*', 'b/*', null],
    ['a/b', 'a/c', null],
    ['a/**', 'ab/**', null],
  ])('of %s and %s is %s', (one, other, both) => {
    expect(intersectPatterns(one, other)).toBe(both)
    expect(intersectPatterns(other, one)).toBe(both)
  })

  it('matches the names that both match', () => {
    const segments = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 4 })
    const name = segments.map((parts) => parts.join('/'))
    const pattern = fc
      .tuple(
        fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 3 }),
        fc.constantFrom('a', '*', '**'),
      )
      .map(([parts, end]) => [...parts, end].join('/'))
    void fc.assert(
      fc.property(pattern, pattern, name, (one, other, repository) => {
        const both = intersectPatterns(one, other)
        const matches = both !== null && matchesPattern(both, repository)
        expect(matches).toBe(matchesPattern(one, repository) && matchesPattern(other, repository))
      }),
      { numRuns: 5000 },
    )
  })
})
