/** Conditions on claims: what matches, what nearly does, and what no rule may ask for. */
import { describe, expect, it } from 'vitest'
import {
  claimConditionProblem,
  matchesGlob,
  meetsConditions,
  parseConditions,
} from '../../../src/auth/federation/claim-conditions.ts'

describe('matchesGlob', () => {
  it.each([
    ['octo', 'octo', true],
    ['octo', 'octo-evil', false],
    ['octo', 'evil-octo', false],
    ['octo', 'Octo', false],
    ['octo', '', false],
    ['octo', 'octo\n', false],
    ['octo*', 'octo', true],
    ['octo*', 'octo-org/app', true],
    ['octo*', 'oct', false],
    ['*octo', 'evil-octo', true],
    ['*octo', 'octo-evil', false],
    ['refs/heads/main', 'refs/heads/main2', false],
    ['refs/heads/*', 'refs/heads/main', true],
    ['refs/heads/*', 'refs/heads/', true],
    ['refs/heads/*', 'refs/heads/a/b\nc', true],
    ['refs/heads/*', 'refs/tags/refs/heads/main', false],
    ['refs/*/main', 'refs/heads/main', true],
    ['refs/*/main', 'refs/heads/main2', false],
    ['refs/*/main', 'refs/main', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*ba', 'aba', false],
    ['ab*ba', 'abba', true],
    ['*ab*', 'xxabyy', true],
    ['*ab*', 'xaxb', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a*b*b', 'ab', false],
    ['a*b*b', 'abb', true],
    ['a**c', 'abc', true],
    ['*', '', true],
    ['*', 'anything', true],
    ['', '', true],
    ['', 'a', false],
    ['a.c', 'abc', false],
    ['a?c', 'abc', false],
    ['[a-z]', 'b', false],
    ['a\\*', 'a*', false],
    ['(a|b)', 'a', false],
    ['v1.*', 'v1.2', true],
    ['v1.*', 'v102', false],
    ['\u00e9', 'e\u0301', false],
  ])('%j on %j: %j', (pattern, text, matches) => {
    expect(matchesGlob(pattern, text)).toBe(matches)
  })

  it('does not try again what failed, however many stars there are', () => {
    const began = performance.now()
    for (let round = 0; round < 20; round += 1) {
      expect(matchesGlob(`${'*a'.repeat(250)}b`, 'a'.repeat(32_000))).toBe(false)
    }
    expect(performance.now() - began).toBeLessThan(1000)
  })
})

describe('meetsConditions', () => {
  const claims = {
    repository_owner: 'octo',
    ref: 'refs/heads/main',
    run_attempt: 1,
    ref_protected: true,
    groups: ['dev', 'ops', 7],
    namespace: { name: 'octo' },
    nothing: null,
    empty: '',
    large: 2 ** 53,
    list: [],
    nested: [['dev']],
  }

  it.each([
    [{ repository_owner: 'octo' }, true],
    [{ repository_owner: 'octo', ref: 'refs/heads/*' }, true],
    [{ repository_owner: 'octo', ref: 'refs/tags/*' }, false],
    [{ repository_owner: 'oct' }, false],
    [{ repository_owner: 'octo ' }, false],
    [{ Repository_owner: 'octo' }, false],
    [{ run_attempt: '1' }, true],
    [{ run_attempt: '1.0' }, false],
    [{ ref_protected: 'true' }, true],
    [{ ref_protected: 'false' }, false],
    [{ groups: 'ops' }, true],
    [{ groups: '7' }, true],
    [{ groups: 'o*' }, true],
    [{ groups: 'dev,ops,7' }, false],
    [{ groups: 'admin' }, false],
    [{ namespace: '*' }, false],
    [{ namespace: '[object Object]' }, false],
    [{ nothing: 'null' }, false],
    [{ nothing: '*' }, false],
    [{ missing: '*' }, false],
    [{ missing: 'undefined' }, false],
    [{ empty: '*' }, true],
    [{ list: '*' }, false],
    [{ nested: 'dev' }, false],
    // 2 ** 53 and 2 ** 53 + 1 are read as the same number.
    [{ large: '9007199254740992' }, false],
    [{ constructor: '*' }, false],
    [{ toString: '*' }, false],
  ])('%j: %j', (conditions, met) => {
    expect(meetsConditions(claims, conditions)).toBe(met)
  })
})

describe('claimConditionProblem', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`claim${index}`, 'x']))

  it.each([
    [{ repository_owner: 'octo' }],
    [{ repository_owner: 'octo', environment: '*' }],
    [{ sub: 'repo:octo/app:*' }],
    [{ ['n'.repeat(128)]: 'p'.repeat(512) }],
    [many(16)],
  ])('finds no problem in %j', (conditions) => {
    expect(claimConditionProblem(conditions)).toBeNull()
    expect(parseConditions(JSON.stringify(conditions))).toEqual(conditions)
  })

  it.each([
    [{}, /at least one/],
    [{ repository_owner: '*' }, /at least one/],
    [{ repository_owner: '**', ref: '*' }, /at least one/],
    [{ iss: 'https://issuer.test' }, /"iss" tells nothing/],
    [{ repository_owner: 'octo', aud: 'berth' }, /"aud" tells nothing/],
    [{ jti: 'a' }, /"jti"/],
    [{ exp: '1*' }, /"exp"/],
    [{ nbf: '1*' }, /"nbf"/],
    [{ iat: '1*' }, /"iat"/],
    [{ '': 'octo' }, /name/],
    [{ ['n'.repeat(129)]: 'octo' }, /name/],
    [{ repository_owner: '' }, /1 to 512/],
    [{ repository_owner: 'p'.repeat(513) }, /1 to 512/],
    [many(17), /16/],
  ])('names the problem of %j', (conditions, problem) => {
    expect(claimConditionProblem(conditions)).toMatch(problem)
    expect(parseConditions(JSON.stringify(conditions))).toBeNull()
  })

  it.each([
    '',
    '{',
    'null',
    '[]',
    '["octo"]',
    '"octo"',
    '1',
    '{"ref":1}',
    '{"ref":null}',
    '{"ref":{}}',
  ])('reads no conditions from %j', (text) => {
    expect(parseConditions(text)).toBeNull()
  })
})
