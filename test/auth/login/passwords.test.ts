import { describe, expect, it } from 'vitest'
import { hashPassword, isPassword, verifyPassword } from '../../../src/auth/login/passwords.ts'
import { hashesDuring, PASSWORD } from '../login-support.ts'

describe('the length of a password', () => {
  it.each<[string, string, boolean]>([
    ['11 characters', 'a'.repeat(11), false],
    ['12 characters', 'a'.repeat(12), true],
    ['256 characters', 'a'.repeat(256), true],
    ['257 characters', 'a'.repeat(257), false],
    ['11 characters in 22 code units', '\u{1f433}'.repeat(11), false],
    ['12 characters in 24 code units', '\u{1f433}'.repeat(12), true],
    ['256 characters in 512 code units', '\u{1f433}'.repeat(256), true],
    ['spaces', ' '.repeat(12), true],
    ['a line feed', `${'a'.repeat(12)}\n`, false],
    ['a NUL', `${'a'.repeat(12)}\0`, false],
    ['a lone surrogate', `${'a'.repeat(12)}\ud800`, false],
  ])('%s', (_, text, valid) => {
    expect(isPassword(text)).toBe(valid)
  })
})

describe('a stored password', () => {
  it('has the form that names its cost', async () => {
    const stored = await hashPassword(PASSWORD)
    expect(stored).toMatch(/^pbkdf2-sha512\$100000\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=$/)
  })

  it('is different each time', async () => {
    expect(await hashPassword(PASSWORD)).not.toBe(await hashPassword(PASSWORD))
  })

  it('is PBKDF2-HMAC-SHA-512, as others compute it', async () => {
    // node: crypto.pbkdf2Sync('p\u00e4ssword and salt', Buffer.alloc(16, 7), 1000, 32, 'sha512')
    const stored =
      'pbkdf2-sha512$1000$BwcHBwcHBwcHBwcHBwcHBw==$dHUQG4yNgI+2RLokZBTafGQKvONjN2Jr7r6MbR1wpPY='
    expect(await verifyPassword('p\u00e4ssword and salt', stored)).toBe(true)
    expect(await verifyPassword('password and salt', stored)).toBe(false)
  })

  it.each<[string, string, boolean]>([
    ['the same', PASSWORD, true],
    ['cut short', PASSWORD.slice(0, -1), false],
    ['and more', `${PASSWORD} `, false],
    ['in another case', PASSWORD.toUpperCase(), false],
    ['and a NUL', `${PASSWORD}\0`, false],
    ['nothing', '', false],
  ])('matches the password: %s', async (_, given, right) => {
    expect(await verifyPassword(given, await hashPassword(PASSWORD))).toBe(right)
  })

  it.each<[string, (stored: string) => string | null]>([
    ['nobody', () => null],
    ['an empty text', () => ''],
    ['the password itself', () => PASSWORD],
    ['another algorithm', (stored) => stored.replace('512', '256')],
    ['no iterations', (stored) => stored.replace('100000', '0')],
    ['a hash cut short', (stored) => stored.slice(0, -1)],
    ['more behind', (stored) => `${stored}$`],
    ['a bcrypt hash', () => `$2b$05$${'.'.repeat(53)}`],
  ])('admits nobody if it is %s, at the same cost', async (_, change) => {
    const stored = change(await hashPassword(PASSWORD))
    const hashes = await hashesDuring(async () => {
      expect(await verifyPassword(PASSWORD, stored)).toBe(false)
    })
    expect(hashes).toBe(1)
  })
})
