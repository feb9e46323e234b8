/** What grants add up to, what each action brings with it, and what a token's own grants take away. */
import { describe, expect, it } from 'vitest'
import { EVERYTHING, Rights } from '../../../src/auth/login/rights.ts'
import type { Action, Grant } from '../../../src/store/access/grants.ts'

function grant(pattern: string, ...actions: Action[]): Grant {
  return { pattern, actions }
}

function on(rights: Rights, repository: string): string[] {
  return [...rights.on(repository)].sort()
}

describe('the rights on a repository', () => {
  it.each<[string, Grant[], string[]]>([
    ['none without a grant', [], []],
    ['none by a grant on another', [grant('a/c', 'admin'), grant('a/b/*', 'admin')], []],
    ['pull', [grant('a/b', 'pull')], ['pull']],
    ['create alone', [grant('a/*', 'create')], ['create']],
    ['push, which includes create', [grant('a/*', 'push')], ['create', 'push']],
    ['delete alone', [grant('**', 'delete')], ['delete']],
    [
      'admin, which includes all',
      [grant('a/**', 'admin')],
      ['admin', 'create', 'delete', 'pull', 'push'],
    ],
    [
      'the sum of all grants',
      [grant('a/b', 'pull'), grant('a/*', 'create'), grant('**', 'delete')],
      ['create', 'delete', 'pull'],
    ],
  ])('are %s', (_, grants, expected) => {
    expect(on(new Rights(grants), 'a/b')).toEqual(expected)
  })

  it.each<[string, Grant[], Grant[], string[]]>([
    ['a token without any grant: nothing', [grant('**', 'admin')], [], []],
    ['what both allow', [grant('a/b', 'pull', 'push')], [grant('**', 'pull')], ['pull']],
    ["not more than the owner's", [grant('a/b', 'pull')], [grant('**', 'admin')], ['pull']],
    ['create of a push', [grant('a/b', 'push')], [grant('a/b', 'create')], ['create']],
    [
      'create, where the owner has no more',
      [grant('a/b', 'create')],
      [grant('a/b', 'push')],
      ['create'],
    ],
    ['nothing elsewhere', [grant('a/b', 'pull')], [grant('a/c', 'pull')], []],
  ])('of a limited token are %s', (_, grants, limit, expected) => {
    expect(on(new Rights(grants, limit), 'a/b')).toEqual(expected)
  })
})

describe('an administrator', () => {
  it.each<[string, Rights, boolean]>([
    ['has admin everywhere', new Rights(EVERYTHING), true],
    ['not all other actions', new Rights([grant('**', 'pull', 'push', 'delete')]), false],
    ['not admin somewhere', new Rights([grant('a/**', 'admin'), grant('*', 'admin')]), false],
    ['not a limited token', new Rights(EVERYTHING, [grant('**', 'push')]), false],
    ['but one that is limited to nothing', new Rights(EVERYTHING, EVERYTHING), true],
    ['not a token of somebody else', new Rights([grant('**', 'pull')], EVERYTHING), false],
  ])('%s', (_, rights, expected) => expect(rights.isAdministrator).toBe(expected))
})

describe('the patterns that may be pulled', () => {
  it.each<[string, Rights, string[]]>([
    [
      'is every pattern with pull',
      new Rights([grant('a/*', 'pull'), grant('b', 'admin'), grant('c', 'push')]),
      ['a/*', 'b'],
    ],
    [
      'is what both allow',
      new Rights(
        [grant('a/**', 'pull'), grant('b', 'pull')],
        [grant('a/b/*', 'pull'), grant('*', 'pull')],
      ),
      ['a/b/*', 'b'],
    ],
    ['is nothing', new Rights([grant('a', 'pull')], []), []],
  ])('%s', (_, rights, expected) => expect([...rights.pullable].sort()).toEqual(expected))
})
