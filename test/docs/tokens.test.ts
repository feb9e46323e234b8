/** tokens.md has every claim, member, algorithm and error of the code, and no other. */
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import { FOREIGN_ALGORITHMS } from '../../src/auth/federation/foreign-tokens.ts'
import { Rights } from '../../src/auth/login/rights.ts'
import { issueToken } from '../../src/auth/tokens/bearer-tokens.ts'
import { issueRefreshToken } from '../../src/auth/tokens/refresh-tokens.ts'
import { readSettings } from '../../src/http/middleware/settings.ts'
import { bindings } from '../support/registry.ts'
import { firstNames, foundIn, namesIn, pageOf, rowsOf, sectionOf, sortedOnce } from './pages.ts'

const page = pageOf('spec/tokens.md')
const settings = readSettings({})

/** The members in the tables of a section. */
function membersOf(section: string): string[] {
  return sortedOnce(firstNames(rowsOf(page, section)))
}

describe('a bearer token', () => {
  const access = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      type: 'repository',
      name: `team/application-${index}`,
      actions: ['pull'],
    }))
  const issue = async (count: number) => {
    const grant = { subject: 'ci', session: '1', access: access(count), visible: ['**'] }
    const { token } = await issueToken(bindings.DB, settings, { ...grant, isKnown: true })
    return token
  }

  it('has the members of the table, and no other', async () => {
    const [small, large] = [await issue(1), await issue(100)]
    const claims = [small, large].flatMap((token) => Object.keys(decodeJwt(token)))
    expect(claims).toContain('ask')
    const known = [...Object.keys(decodeProtectedHeader(small)), ...claims]
    expect(membersOf('Bearer tokens').filter((name) => /^[a-z]+$/.test(name))).toEqual(
      sortedOnce(known),
    )
  })

  it('looks like the example', async () => {
    const [, example = ''] =
      /^```json\n([\s\S]*?)^```$/m.exec(sectionOf(page, 'Bearer tokens')) ?? []
    const { ses, access, sub, exp, iat } = JSON.parse(example)
    const grant = { subject: sub, session: ses, access }
    const { token } = await issueToken(bindings.DB, settings, grant)
    expect(Object.keys(decodeJwt(token))).toEqual(Object.keys(JSON.parse(example)))
    expect(exp - iat).toBe(settings.tokenTtlSeconds)
  })

  it('is as long as the page says, and accepted as long', () => {
    const [most = ''] = foundIn('auth/tokens/bearer-tokens.ts', /LENGTH_MAX = (\d+)/g)
    expect(sectionOf(page, 'Bearer tokens')).toContain(
      `at most ${Number(most).toLocaleString('en')} characters`,
    )
  })
})

describe('a refresh token', () => {
  it('has the members of the table', async () => {
    const token = await issueRefreshToken(bindings.DB, settings, {
      kind: 'account',
      subject: 'ci',
      rights: new Rights([]),
      verifier: 'hash',
      session: '1',
    })
    const known = Object.keys(decodeJwt(token ?? ''))
    const ofBearer = membersOf('Bearer tokens')
    const own = membersOf('Refresh tokens').filter((name) => !ofBearer.includes(name))
    expect(known.filter((name) => !ofBearer.includes(name))).toEqual(own)
    expect(decodeProtectedHeader(token ?? '').typ).toBe('refresh+jwt')
  })
})

describe('foreign tokens', () => {
  it('have the accepted algorithms', () => {
    const text = sectionOf(page, 'ID tokens')
    for (const algorithm of FOREIGN_ALGORITHMS) expect(text).toContain(algorithm)
  })

  it('have the members of TOKEN_AUTH', () => {
    const known = foundIn('auth/federation/token-service.ts', /^ {4}(\w+): (?:v\.|Quotable)/gm)
    const written = firstNames(
      rowsOf(page, 'Tokens of an external service').filter(([, meaning]) => meaning !== undefined),
    ).filter((name) => known.includes(name) || !['iss', 'aud', 'sub', 'access'].includes(name))
    expect(known.length).toBe(6)
    expect(written.toSorted()).toEqual(known)
  })
})

describe('the errors of the token endpoint', () => {
  it('are those that the code sends', () => {
    const sent = [
      ...foundIn('', /oauth: '(\w+)'/g),
      ...foundIn('', /badRequest\((?:[^()]|\([^()]*\))*?'((?:invalid|unsupported)_\w+)'/g),
      ...foundIn('auth/tokens', /oauth: OAuthErrorCode = '(\w+)'/g),
    ]
    expect(sortedOnce(firstNames(rowsOf(page, 'Errors')))).toEqual(sortedOnce(sent))
  })

  it('answer the grant types of the code', () => {
    const [list = ''] = foundIn('auth/tokens/token-requests.ts', /GRANT_TYPES = \[([^\]]+)\]/g)
    const known = [...list.matchAll(/'([^']+)'/g)].map(([, type = '']) => type)
    const rows = rowsOf(pageOf('spec/http-api.md'), 'POST /token')
    const [, , meaning = ''] = rows.find(([name]) => name === '`grant_type`') ?? []
    expect(namesIn(meaning)).toEqual(known)
  })
})
