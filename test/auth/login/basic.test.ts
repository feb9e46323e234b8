import { describe, expect, it } from 'vitest'
import { parseBasic } from '../../../src/auth/login/basic.ts'

function encoded(text: string): string {
  return new TextEncoder().encode(text).toBase64()
}

describe('Basic credentials', () => {
  it.each<[string, string, string, string]>([
    // RFC 7617, section 2 and 2.1: its examples.
    ['the example', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', 'Aladdin', 'open sesame'],
    ['the example in UTF-8', 'Basic dGVzdDoxMjPCow==', 'test', '123\u00a3'],
    ['the scheme in lower case', `basic ${encoded('a:b')}`, 'a', 'b'],
    ['the scheme in upper case', `BASIC ${encoded('a:b')}`, 'a', 'b'],
    ['two spaces', `Basic  ${encoded('a:b')}`, 'a', 'b'],
    ['colons in the password', `Basic ${encoded('a:b:c:')}`, 'a', 'b:c:'],
    ['no user', `Basic ${encoded(':b')}`, '', 'b'],
    ['no password', `Basic ${encoded('a:')}`, 'a', ''],
    ['neither', `Basic ${encoded(':')}`, '', ''],
    ['spaces around', `Basic ${encoded(' a : b ')}`, ' a ', ' b '],
    ['a byte order mark', `Basic ${encoded('\ufeffa:b')}`, '\ufeffa', 'b'],
    ['no padding', `Basic ${encoded('a:b1').replaceAll('=', '')}`, 'a', 'b1'],
  ])('%s', (_, header, user, password) => {
    expect(parseBasic(header)).toEqual({ user, password })
  })

  it.each<[string, string | null]>([
    ['no header', null],
    ['an empty one', ''],
    ['the scheme alone', 'Basic'],
    ['the scheme and a space', 'Basic '],
    ['another scheme', `Bearer ${encoded('a:b')}`],
    ['the scheme as a prefix', `Basically ${encoded('a:b')}`],
    ['no scheme', encoded('a:b')],
    ['no colon', `Basic ${encoded('a')}`],
    ['what is no base64', 'Basic !!!'],
    ['base64 of the URL alphabet', 'Basic YTo_Pj8-'],
    ['too much padding', `Basic ${encoded('a:b')}=`],
    ['padding alone', 'Basic ===='],
    ['something behind', `Basic ${encoded('a:b')} x`],
    ['two credentials', `Basic ${encoded('a:b')}, Basic ${encoded('c:d')}`],
    ['Latin-1', `Basic ${btoa('a:\u00fc')}`],
    ['a surrogate in UTF-8', `Basic ${btoa('a:\xed\xa0\x80')}`],
    ['a NUL', `Basic ${encoded('a:b\0c')}`],
    ['a line feed in the user', `Basic ${encoded('a\nb:c')}`],
    ['a control character of Latin-1', `Basic ${encoded('a:\u0085')}`],
  ])('refuses %s', (_, header) => {
    expect(parseBasic(header)).toBeNull()
  })
})
