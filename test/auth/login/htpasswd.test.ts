/** The lines are those of docker/distribution's own tests (registry/auth/htpasswd). */
import { hash } from 'bcryptjs'
import { describe, expect, it } from 'vitest'
import { parseHtpasswd, verifyHtpasswd } from '../../../src/auth/login/htpasswd.ts'

const FILE = `
# This is a comment in a basic example.
bilbo:{SHA}5siv5c0SHx681xU6GiSx9ZQryqs=
frodo:$2y$05$926C3y10Quzn/LnqQH86VOEVh/18T6RnLaS.khre96jLNL/7e.K5W
MiShil:$2y$05$0oHgwMehvoe8iAWS8I.7l.KoECXrwVaC16RPfaSCU5eVTFrATuMI2
DeokMan:\uacf5\uc8fc\ub2d8
`

describe('an htpasswd file', () => {
  it.each<[string, string, [string, string][]]>([
    ['nothing', '', []],
    ['comments', '\n# asdf:asdf\n  # x\n', []],
    ['a # within a line', '\nasdf:as#df\n', [['asdf', 'as#df']]],
    ['blank lines and spaces', ' \n\t\n  a:b \r\n', [['a', 'b']]],
    ['colons in the hash', 'a:b:c', [['a', 'b:c']]],
    ['a name twice: the last counts', 'a:b\na:c', [['a', 'c']]],
    ['no hash', 'a:', [['a', '']]],
  ])('may hold %s', (_, text, entries) => {
    expect([...parseHtpasswd(text)]).toEqual(entries)
  })

  it('may hold hashes of other kinds', () => {
    expect([...parseHtpasswd(FILE).keys()]).toEqual(['bilbo', 'frodo', 'MiShil', 'DeokMan'])
  })

  it.each<[string, string, string]>([
    [
      'no colon',
      '\n# A valid comment\nvalid:entry\nasdf\n',
      'htpasswd: invalid entry at line 4: not name:hash',
    ],
    ['no name', ':b', 'htpasswd: invalid entry at line 1: not name:hash'],
    ["an access token's name", 'a:b\na/b:c', 'htpasswd: the name at line 2 is oidc or has a slash'],
    ['the name for ID tokens', 'oidc:b', 'htpasswd: the name at line 1 is oidc or has a slash'],
    [
      'a hash that takes too long',
      `a:$2b$14$${'.'.repeat(53)}\nb:$2b$15$${'.'.repeat(53)}`,
      'htpasswd: the bcrypt cost at line 2 is higher than 14',
    ],
  ])('is refused with the line that has %s, which is not shown', (_, text, message) => {
    expect(() => parseHtpasswd(text)).toThrow(new Error(message))
  })
})

describe('a user of the file', () => {
  const users = parseHtpasswd(FILE)

  it.each<[string, string, boolean]>([
    ['frodo', 'baggins', true],
    ['frodo', 'Baggins', false],
    ['frodo', '', false],
    ['Frodo', 'baggins', false],
    ['MiShil', '\uc0c8\uc8fc', true],
    ['MiShil', '\uc0c8', false],
    ['bilbo', 'baggins', false],
    ['DeokMan', '\uacf5\uc8fc\ub2d8', false],
    ['sauron', 'baggins', false],
    ['', '', false],
  ])('%s with the password %s: %s', async (user, password, right) => {
    expect(await verifyHtpasswd(users, user, password)).toBe(right)
  })

  it('is not found under another name', async () => {
    expect(await verifyHtpasswd(users, null, 'baggins')).toBe(false)
    expect(await verifyHtpasswd(new Map(), null, 'baggins')).toBe(false)
  })

  it.each(['00', '01', '03'])('with a hash of cost %s is always refused', async (cost) => {
    const low = parseHtpasswd(`u:$2b$${cost}$${'.'.repeat(53)}`)
    for (const name of ['u', 'v', null]) {
      expect(await verifyHtpasswd(low, name, 'baggins')).toBe(false)
    }
    const both = parseHtpasswd(`${FILE}\nu:$2b$${cost}$${'.'.repeat(53)}`)
    expect(await verifyHtpasswd(both, 'u', 'baggins')).toBe(false)
    expect(await verifyHtpasswd(both, 'frodo', 'baggins')).toBe(true)
  })

  it.each(['a', 'b', 'y'])('may have a hash of the variant 2%s', async (variant) => {
    const text = `u:${(await hash('baggins', 4)).replace('$2b$', `$2${variant}$`)}`
    expect(await verifyHtpasswd(parseHtpasswd(text), 'u', 'baggins')).toBe(true)
    expect(await verifyHtpasswd(parseHtpasswd(text), 'u', 'bagging')).toBe(false)
  })

  it('with a password of 72 bytes or more: only the first 72 count, as in Go', async () => {
    const long = '\u00fc'.repeat(36)
    const file = parseHtpasswd(`u:${await hash(long, 4)}`)
    expect(await verifyHtpasswd(file, 'u', `${long} and more`)).toBe(true)
    expect(await verifyHtpasswd(file, 'u', long.slice(0, -1))).toBe(false)
    expect(await verifyHtpasswd(file, 'u', `${long.slice(0, -1)}x`)).toBe(false)
  })

  it('may have a hash of any cost', async () => {
    const file = parseHtpasswd(
      `a:${await hash('one password', 4)}\nb:${await hash('two password', 7)}`,
    )
    expect(await verifyHtpasswd(file, 'a', 'one password')).toBe(true)
    expect(await verifyHtpasswd(file, 'b', 'two password')).toBe(true)
    expect(await verifyHtpasswd(file, 'a', 'two password')).toBe(false)
    expect(await verifyHtpasswd(file, 'b', 'one password')).toBe(false)
  })
})
