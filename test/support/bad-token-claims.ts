/** Tokens of the registry's own key whose claims are not those of a bearer token for it, now. */
import {
  all,
  type BadToken,
  type Claims,
  goodClaims,
  goodHeader,
  type Named,
  OTHER_TYPES,
  type Target,
  without,
} from './bad-token-table.ts'
import { signed } from './forged-tokens.ts'

/** For somebody else, or from somebody else. */
export function names(target: Target, claim: 'aud' | 'iss'): Promise<BadToken[]> {
  const { service } = target
  const values: readonly Named<unknown>[] = [
    ['another', 'registry.example.com'],
    ['empty', ''],
    ['in capitals', service.toUpperCase()],
    ['its beginning', service.slice(0, -1)],
    ['its end', service.slice(1)],
    ['more behind', `${service}.attacker.example`],
    ['more before', `attacker-${service}`],
    ['a space behind', `${service} `],
    ['NUL behind', `${service}\0`],
    ['a URL', `https://${service}`],
    ['two in one', `${service},other`],
    ['that of refresh tokens', `${service}/refresh`],
    ['a list of it', [service]],
    ['a list with it', ['other', service]],
    ['a list of others', ['other', `${service}/refresh`]],
    ['a list in a list', [[service]]],
    ['an object', { [service]: true }],
    ['a wildcard', '*'],
    ['a number', 0],
    ['true', true],
    ['null', null],
    ['an empty list', []],
    ['absent', undefined],
  ]
  return all(
    values.map(([name, value]): Named<unknown> => [`${claim}: ${name}`, value]),
    (value) =>
      signed(target.registry, goodHeader(target), { ...goodClaims(target), [claim]: value }),
  )
}

/** Too late, too early, or no time at all. */
export async function times(target: Target): Promise<BadToken[]> {
  const { now } = target
  const late = [30, 31, 32, 45, 60, 300, 3600, 86_400, 31_536_000, now, now + 1, 2 * now]
  const early = [31 + 10, 60, 300, 3600, 86_400, 31_536_000, 1e12]
  const expired = late.map((by): Named<Claims> => [`expired ${by} s ago`, { exp: now - by }])
  const notYet = early.map((by): Named<Claims> => [`valid in ${by} s`, { nbf: now + by }])
  const odd = ['exp', 'nbf', 'iat'].flatMap((claim) =>
    [
      ...OTHER_TYPES,
      ['a string', String(now + 200)],
      ['a date', new Date(now * 1000).toISOString()],
      ['a list', [now]],
      ['fractional', now + 0.5],
      ['too large to be exact', 2 ** 60],
      ['absent', undefined],
    ].map(([name, value]): Named<Claims> => [`${claim}: ${name}`, { [String(claim)]: value }]),
  )
  const raw = ['1e999', '-1e999', '1e400', 'NaN', 'Infinity', '0x7fffffff', '01', '+1', '1_0']
  return [
    ...(await all([...expired, ...notYet, ...odd], (change) =>
      signed(target.registry, goodHeader(target), { ...goodClaims(target), ...change }),
    )),
    ...(await all(
      raw.map((text): Named<string> => [`exp: ${text}`, text]),
      (text) => {
        const json = JSON.stringify({ ...goodClaims(target), exp: 'EXP' }).replace('"EXP"', text)
        return signed(target.registry, goodHeader(target), json)
      },
    )),
  ]
}

/** The other claims are missing, or of another type. */
export function shapes(target: Target): Promise<BadToken[]> {
  const entry = { type: 'repository', name: 'private/app', actions: ['pull'] }
  const accesses: readonly Named<unknown>[] = [
    ['a string', 'repository:private/app:pull'],
    ['an object', entry],
    ['a list of strings', ['repository:private/app:pull']],
    ['a list of null', [null]],
    ['a list in a list', [[entry]]],
    ['without type', [without(entry, 'type')]],
    ['without name', [without(entry, 'name')]],
    ['without actions', [without(entry, 'actions')]],
    ['a type that is null', [{ ...entry, type: null }]],
    ['a name that is a number', [{ ...entry, name: 1 }]],
    ['a name that is a list', [{ ...entry, name: ['private/app'] }]],
    ['actions that are a string', [{ ...entry, actions: 'pull' }]],
    ['actions that are an object', [{ ...entry, actions: { pull: true } }]],
    ['actions that are numbers', [{ ...entry, actions: [1] }]],
    ['actions with null', [{ ...entry, actions: ['pull', null] }]],
    ['one good, one bad', [entry, {}]],
    ['more members', [{ ...entry, class: 'image' }]],
    ['null', null],
    ['true', true],
    ['absent', undefined],
  ]
  const strings = ['sub', 'jti'].flatMap((claim) =>
    [...OTHER_TYPES, ['a number', 1], ['a list', ['admin']], ['absent', undefined]].map(
      ([name, value]): Named<Claims> => [`${claim}: ${name}`, { [String(claim)]: value }],
    ),
  )
  const lists: readonly Named<unknown>[] = [
    ['null', null],
    ['a string', '**'],
    ['true', true],
    ['numbers', [1]],
    ['nested', [['**']]],
    ['an object', {}],
  ]
  return all(
    [
      ...accesses.map(([name, access]): Named<Claims> => [`access: ${name}`, { access }]),
      ...strings,
      ...lists.map(([name, visible]): Named<Claims> => [`visible: ${name}`, { visible }]),
    ],
    (change) => signed(target.registry, goodHeader(target), { ...goodClaims(target), ...change }),
  )
}

/** Members that are there twice: one reader takes the first, another the last. */
export async function duplicates(target: Target): Promise<BadToken[]> {
  const header = goodHeader(target)
  const claims = goodClaims(target)
  const twice = (object: Claims, name: string, value: unknown, first: boolean) => {
    const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`
    const json = JSON.stringify(object)
    return first ? `{${member},${json.slice(1)}` : `${json.slice(0, -1)},${member}}`
  }
  const escaped = (name: string) =>
    `\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}`
  const other: Record<string, unknown> = {
    iss: 'other',
    aud: 'other',
    sub: 'someone',
    iat: 0,
    nbf: 0,
    exp: 1,
    jti: 'x',
    access: [],
    visible: [],
    alg: 'none',
    typ: 'refresh+jwt',
    kid: 'x',
  }
  const cases: (readonly [name: string, header: string, claims: string])[] = []
  const [headerJson, claimsJson] = [JSON.stringify(header), JSON.stringify(claims)]
  for (const [object, isHeader] of [
    [claims, false],
    [header, true],
  ] as const) {
    for (const name of Object.keys(object)) {
      const add = (what: string, json: string) =>
        cases.push([
          `${isHeader ? 'header' : 'claim'} ${name} twice, ${what}`,
          isHeader ? json : headerJson,
          isHeader ? claimsJson : json,
        ])
      add('alike', twice(object, name, object[name], false))
      add('another one first', twice(object, name, other[name], true))
      add('one escaped', twice(object, name, other[name], true).replace(name, escaped(name)))
    }
  }
  cases.push([
    'a member of access twice',
    headerJson,
    claimsJson.replace('"name":', '"name":"public/app","name":'),
  ])
  return Promise.all(
    cases.map(async ([name, head, body]) => ({
      name,
      token: await signed(target.registry, head, body),
    })),
  )
}
