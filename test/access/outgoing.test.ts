/** One table of addresses at every door where one is written down for the registry to call, and where it is called. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { issuerKeys } from '../../src/auth/federation/issuer-keys.ts'
import { trustedKey } from '../../src/auth/federation/trusted-keys.ts'
import { deliver } from '../../src/events/delivery/deliver.ts'
import { endpointOf } from '../../src/events/webhooks/endpoint.ts'
import { readSettings } from '../../src/http/middleware/settings.ts'
import { anEvent } from '../events/support.ts'
import { call, environment } from '../http/api/support.ts'
import { ADDRESSES, SAYS } from '../support/addresses.ts'
import type { ErrorBody } from '../support/registry.ts'

interface Door {
  what: string
  /** Shows it the URL. @returns what it says against it; null where it takes it */
  refusal(url: string, allowLoopback: boolean): Promise<string | null>
  /** What it may have against a URL that the policy allows. */
  beside?: RegExp
  /** What it may say before the policy does, of a URL that neither takes. */
  sooner?: RegExp
  /** Keys are kept in the isolate with the switch that they were first asked with. */
  isDeployedOnly?: true
}

const HEADER = { alg: 'ES256', kid: 'one' }

let called: string[]
let logged: string
/** The id of one that is changed again and again. */
let webhook: string
/** What discovery says, by its URL. */
let discovered: Map<string, unknown>

beforeEach(() => {
  called = []
  logged = ''
  webhook = ''
  discovered = new Map()
  vi.spyOn(console, 'error').mockImplementation((line) => {
    logged += JSON.stringify(line)
  })
  vi.stubGlobal('fetch', async (url: string) => {
    called.push(url)
    return Response.json(discovered.get(url) ?? { keys: [] })
  })
})

afterEach(async () => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  await env.DB.batch(
    ['webhooks', 'trust_rules'].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  )
})

/** What the API says against a request. */
async function refusalOf(method: string, path: string, body: object, allowLoopback: boolean) {
  const local = { ...environment, ALLOW_LOOPBACK: String(allowLoopback) }
  const answer = await call<ErrorBody>(method, path, { body, environment: local })
  if (answer.status < 300) return null
  expect(answer.status).toBe(400)
  return answer.body.errors.map(({ message }) => message).join()
}

function settingRefusal(variables: Record<string, string>, allowLoopback: boolean): string | null {
  try {
    readSettings({ ...variables, ALLOW_LOOPBACK: String(allowLoopback) })
    return null
  } catch (error) {
    return String(error)
  }
}

/** Of what asks for keys at the URL; nobody has any. */
async function callRefusal(url: string, keys: Promise<unknown>): Promise<string | null> {
  await expect(keys).rejects.toThrow()
  return called.includes(url) ? null : logged
}

let names = 0

function newName(): string {
  names += 1
  return `n${names}`
}

const DOORS: readonly Door[] = [
  {
    what: 'a webhook that is made',
    refusal: (url, local) => refusalOf('POST', '/webhooks', { name: newName(), url }, local),
  },
  {
    what: 'a webhook that is changed',
    async refusal(url, local) {
      if (webhook === '') {
        const body = { name: newName(), url: 'https://hooks.example.com/' }
        webhook = (await call<{ id: string }>('POST', '/webhooks', { body })).body.id
      }
      return refusalOf('PATCH', `/webhooks/${webhook}`, { url }, local)
    },
  },
  {
    what: 'the variable WEBHOOKS',
    async refusal(url, local) {
      return settingRefusal({ WEBHOOKS: JSON.stringify([{ name: 'a', url }]) }, local)
    },
  },
  {
    what: 'a delivery',
    async refusal(url, allowLoopback) {
      const { error } = await deliver(endpointOf({ name: 'a', url }), anEvent(), { allowLoopback })
      expect(called.includes(url)).toBe(error === null)
      return error
    },
  },
  {
    what: 'the issuer of a trust rule that is made',
    refusal(issuer, local) {
      const body = { name: newName(), issuer, audience: 'berth', claims: { sub: 'x' } }
      return refusalOf('POST', '/trust-rules', body, local)
    },
    beside: /plain form|no query|at most 255 characters|issuer: Too big/,
    sooner: /at most 255 characters|issuer: Too (?:big|small)/,
  },
  {
    what: 'an issuer that is asked',
    refusal(issuer) {
      const document = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
      return callRefusal(document, issuerKeys(issuer, false).keyOf(HEADER))
    },
    // The path that comes after it makes it longer.
    beside: /longer than 2048/,
    // Of "https://" that path would be the host.
    sooner: /not a valid name/,
    isDeployedOnly: true,
  },
  {
    what: 'the keys that an issuer names',
    refusal(url, allowLoopback) {
      const issuer = `https://${newName()}.example.com`
      discovered.set(`${issuer}/.well-known/openid-configuration`, { issuer, jwks_uri: url })
      return callRefusal(url, issuerKeys(issuer, allowLoopback).keyOf(HEADER))
    },
  },
  {
    what: 'the keys of a token service',
    async refusal(jwks, local) {
      const service = { realm: 'https://auth.example.com/', service: 'a', issuer: 'b', jwks }
      return settingRefusal({ TOKEN_AUTH: JSON.stringify(service) }, local)
    },
  },
  {
    what: 'a token service that is asked for its keys',
    refusal(keySetUrl) {
      const keys = { certificates: [], publicKeys: [], keySet: null, keySetUrl }
      return callRefusal(keySetUrl, trustedKey(keys, HEADER, false))
    },
    isDeployedOnly: true,
  },
]

/** What is no JSON, or too much of it, comes to no door. */
function canBeShown(url: string): boolean {
  return url.isWellFormed() && url.length < 50_000
}

/** The first and the last of a row: a door has to ask, and test/lib/outgoing-address.test.ts has what is answered to all of them. */
function shownOf(urls: readonly string[]): string[] {
  const some = urls.filter(canBeShown)
  return some.filter((_, index) => index === 0 || index === some.length - 1)
}

describe.each(DOORS)('$what', ({ refusal, beside, sooner, isDeployedOnly }) => {
  describe.each(isDeployedOnly ? [false] : [false, true])('this machine allowed: %s', (local) => {
    it.each(ADDRESSES)('$refusedFor: $why', async ({ urls, refusedFor, loopback }) => {
      const isRefused = refusedFor !== null && !(local && loopback)
      for (const url of shownOf(urls)) {
        logged = ''
        const said = await refusal(url, local)
        if (said !== null && (isRefused ? sooner : beside)?.test(said)) continue
        const shown = JSON.stringify(url.slice(0, 100))
        if (isRefused) expect(said, shown).toContain(SAYS[refusedFor])
        else expect(said, shown).toBeNull()
      }
    })
  })

  it('an issuer is accepted in its plain form, and refused if it is in a private network', async () => {
    for (const url of ['https://gitlab.corp.example.com:8443/a', 'https://accounts.example.com']) {
      expect(await refusal(url, false)).toBeNull()
    }
    for (const url of ['https://gitlab.internal/a', 'https://gitlab.example.com:444']) {
      expect(await refusal(url, false)).not.toBeNull()
    }
  })
})
