import { describe, expect, it } from 'vitest'
import { EVERYTHING, Rights } from '../../../src/auth/login/rights.ts'
import { grantScopes } from '../../../src/auth/tokens/grant-scopes.ts'
import { formatScope, parseScopes } from '../../../src/auth/tokens/scopes.ts'
import type { Grant } from '../../../src/store/access/grants.ts'

/** What the scopes are read as, written in one line. */
function read(...values: string[]): string {
  return parseScopes(values).map(formatScope).join(' ')
}

describe('parseScopes', () => {
  it.each([
    ['one', ['repository:a/b:pull'], 'repository:a/b:pull'],
    ['the order of docker', ['repository:a/b:push,pull'], 'repository:a/b:push,pull'],
    [
      'several parameters',
      ['repository:a:pull', 'repository:b:pull'],
      'repository:a:pull repository:b:pull',
    ],
    [
      'several in one parameter',
      ['repository:a:pull repository:b:pull'],
      'repository:a:pull repository:b:pull',
    ],
    [
      'both',
      ['repository:a:pull registry:catalog:*', 'repository:b:push'],
      'repository:a:pull registry:catalog:* repository:b:push',
    ],
    ['the same name again', ['repository:a:pull repository:a:pull,push'], 'repository:a:pull,push'],
    ['the same action again', ['repository:a:pull,pull'], 'repository:a:pull'],
    ['a host and port', ['repository:localhost:5000/a:pull'], 'repository:localhost:5000/a:pull'],
    ['a name that ends like actions', ['repository:a:pull:push'], 'repository:a:pull:push'],
    ['a class', ['repository(plugin):a:pull'], 'repository:a:pull'],
    ['all actions', ['repository:a:*'], 'repository:a:*'],
    ['another type', ['widget:a:spin'], 'widget:a:spin'],
    ['spaces around', ['  repository:a:pull  '], 'repository:a:pull'],
    ['an action that is none', ['repository:a:pull,PUSH,2,'], 'repository:a:pull'],
    ['a name like a property', ['repository:__proto__:pull'], 'repository:__proto__:pull'],
  ])('reads %s', (_, values, expected) => {
    expect(read(...values)).toBe(expected)
  })

  it.each([
    '',
    ' ',
    ':',
    '::',
    'repository',
    'repository:a',
    'repository::pull',
    'repository:a:',
    'repository:a:,',
    'repository:a:PULL',
    'repository:a:pu-ll',
    ':a:pull',
    'Repository:a:pull',
    'repository():a:pull',
    'repository(a:a:pull',
    'repository\t:a:pull',
    'repository:a:pull\n',
  ])('leaves %j out, and nothing else', (text) => {
    expect(read(text, 'repository:b:pull')).toBe('repository:b:pull')
  })

  it('reads a hundred scopes, and spends no time on more', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `repository:a${index}:pull`)
    expect(parseScopes([many.join(' ')])).toHaveLength(100)
    const began = performance.now()
    parseScopes([`repository:${'a:'.repeat(30_000)}`, `${'('.repeat(60_000)}`])
    expect(performance.now() - began).toBeLessThan(1000)
  })
})

const GRANTS: Grant[] = [
  { pattern: 'team/*', actions: ['pull'] },
  { pattern: 'team/app', actions: ['push'] },
  { pattern: 'team/cd', actions: ['create'] },
  { pattern: 'own/**', actions: ['pull', 'push', 'delete'] },
]

describe('grantScopes', () => {
  const granted = (rights: Rights, ...values: string[]) =>
    grantScopes(rights, parseScopes(values)).access.map(formatScope).join(' ')

  it.each([
    ['what is held', 'repository:team/app:pull,push', 'repository:team/app:pull,push'],
    ['no more than is asked', 'repository:own/app:pull', 'repository:own/app:pull'],
    ['no more than is held', 'repository:team/web:pull,push,delete', 'repository:team/web:pull'],
    ['in any order', 'repository:team/app:push,pull', 'repository:team/app:pull,push'],
    ['create for push', 'repository:team/cd:pull,push', 'repository:team/cd:pull,create'],
    ['create by its name', 'repository:team/cd:create', 'repository:team/cd:create'],
    ['all for *', 'repository:own/app:*', 'repository:own/app:pull,push,delete'],
    ['all that is held for *', 'repository:team/cd:*', 'repository:team/cd:pull,create'],
    ['push alone', 'repository:own/a/b:push', 'repository:own/a/b:push'],
    ['delete alone', 'repository:own/a/b:delete', 'repository:own/a/b:delete'],
    ['nothing elsewhere', 'repository:other/app:pull', ''],
    ['nothing on a longer name', 'repository:team/app/x:pull', ''],
    ['nothing on a name that begins alike', 'repository:team-b/app:pull', ''],
    ['nothing of an unknown action', 'repository:own/app:admin,fly', ''],
    ['nothing of no name', 'repository:own/../app:pull', ''],
    ['nothing of a name in capitals', 'repository:OWN/app:pull', ''],
    ['nothing of a pattern', 'repository:own/*:pull repository:**:pull', ''],
    ['nothing of another type', 'plugin:own/app:pull', ''],
    ['the catalog', 'registry:catalog:*', 'registry:catalog:*'],
    ['the catalog as a whole only', 'registry:catalog:pull', ''],
    ['nothing else of the registry', 'registry:own/app:* registry:x:*', ''],
    [
      'one and not the other',
      'repository:own/app:pull,push repository:other/app:pull',
      'repository:own/app:pull,push',
    ],
  ])('grants %s: %s', (_, asked, expected) => {
    expect(granted(new Rights(GRANTS), asked)).toBe(expected)
  })

  it('grants an administrator everything but administration', () => {
    const admin = new Rights(EVERYTHING)
    expect(granted(admin, 'repository:any/app:*')).toBe('repository:any/app:pull,push,delete')
    expect(granted(admin, 'repository:any/app:admin')).toBe('')
  })

  it('stays within the limit of a token', () => {
    const limited = new Rights(EVERYTHING, [{ pattern: 'team/*', actions: ['create'] }])
    expect(granted(limited, 'repository:team/app:* repository:own/app:*')).toBe(
      'repository:team/app:create',
    )
  })

  it('includes the visible names only if lists were requested', () => {
    const rights = new Rights(GRANTS)
    const withLists = grantScopes(rights, parseScopes(['registry:catalog:*']))
    expect(withLists.visible).toEqual(['team/*', 'own/**'])
    const without = grantScopes(rights, parseScopes(['repository:team/app:pull']))
    expect(without).not.toHaveProperty('visible')
    expect(grantScopes(new Rights([]), parseScopes(['registry:catalog:*'])).visible).toEqual([])
  })
})
