import { describe, expect, it } from 'vitest'
import {
  hashAccessToken,
  isAccessToken,
  newAccessToken,
} from '../../../src/auth/login/access-tokens.ts'

/** Of 32 zero bytes. The checksum was computed with zlib.crc32 of Node. */
const ZERO = `berth_${'A'.repeat(43)}14ZxX9`

describe('an access token', () => {
  it('has a prefix, 256 random bits and a checksum', async () => {
    const { secret } = await newAccessToken()
    expect(secret).toMatch(/^berth_[A-Za-z0-9_-]{43}[A-Za-z0-9]{6}$/)
    expect(isAccessToken(secret)).toBe(true)
    const { secret: other } = await newAccessToken()
    expect(other).not.toBe(secret)
  })

  it('is stored as its SHA-256', async () => {
    const { secret, hash } = await newAccessToken()
    expect(hash).toBe(await hashAccessToken(secret))
    expect(await hashAccessToken('abc')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
  })

  it('has the checksum that others compute: CRC-32 in base 62', () => {
    expect(isAccessToken(ZERO)).toBe(true)
  })

  it('is recognised by its checksum, which detects any changed character', async () => {
    const { secret } = await newAccessToken()
    const at = (index: number, character: string) =>
      secret.slice(0, index) + character + secret.slice(index + 1)
    for (let index = 0; index < secret.length; index += 1) {
      const character = secret[index] === 'x' ? 'y' : 'x'
      expect(isAccessToken(at(index, character))).toBe(false)
    }
  })

  it.each<[string, string]>([
    ['nothing', ''],
    ['the prefix', 'berth_'],
    ['another prefix', ZERO.replace('berth', 'birth')],
    ['a character less', ZERO.slice(0, -1)],
    ['a character more', `${ZERO}0`],
    ['a line feed behind', `${ZERO}\n`],
    ['a space before', ` ${ZERO}`],
    ['no checksum', `berth_${'A'.repeat(49)}`],
    ['a character of another alphabet', ZERO.replace('A', '+')],
  ])('is not %s', (_, text) => {
    expect(isAccessToken(text)).toBe(false)
  })
})
