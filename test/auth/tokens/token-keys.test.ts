/** Keys for tokens: made once, kept in the isolate, rotated, and dropped when nothing that they signed is alive. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { libtrustKeyId } from '../../../src/auth/federation/libtrust.ts'
import {
  currentKey,
  rotateTokenKeys,
  TOKEN_LIFETIME_MAX_MS,
  verificationKey,
} from '../../../src/auth/tokens/token-keys.ts'
import { listTokenKeys } from '../../../src/store/access/token-keys.ts'
import { count } from '../../store/support.ts'
import { countBindings, counted } from '../../support/counting.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE
const ACCESS = 15 * MINUTE

/** The database as another isolate sees it: nothing of it is kept yet. */
function isolate(): D1Database {
  return countBindings(env).DB
}

async function storedIds(): Promise<string[]> {
  return (await listTokenKeys(env.DB)).map(({ kid }) => kid)
}

function later(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await env.DB.exec('DELETE FROM token_keys')
})

afterEach(() => {
  vi.useRealTimers()
})

describe('currentKey', () => {
  it('is created once, however many request it first', async () => {
    const isolates = Array.from({ length: 8 }, isolate)
    const keys = await Promise.all(isolates.map(currentKey))
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(1)
    expect(await count('token_keys')).toBe(1)
  })

  it('has the id of its public key, which verifies its signatures', async () => {
    const { kid, signing } = await currentKey(isolate())
    const { verifying } = (await verificationKey(isolate(), kid, ACCESS)) ?? {}
    if (verifying === undefined) throw new Error('no key of this id')
    const [stored] = await listTokenKeys(env.DB)
    const { d: _, key_ops: _operations, ...jwk } = JSON.parse(stored?.jwk ?? '')
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
    const exportable = await crypto.subtle.importKey('jwk', jwk, algorithm, true, ['verify'])
    const spki = await crypto.subtle.exportKey('spki', exportable)
    expect(spki instanceof ArrayBuffer && (await libtrustKeyId(spki))).toBe(kid)

    const sign = { name: 'ECDSA', hash: 'SHA-256' }
    const message = new Uint8Array([1, 2, 3])
    const signature = await crypto.subtle.sign(sign, signing, message)
    for (const key of [verifying, exportable]) {
      expect(await crypto.subtle.verify(sign, key, signature, message)).toBe(true)
    }
  })

  it('cannot be exported from the isolate', async () => {
    const { signing, verifying } = await currentKey(isolate())
    expect([signing.extractable, verifying.extractable]).toEqual([false, false])
    expect([signing.usages, verifying.usages]).toEqual([['sign'], ['verify']])
  })
})

describe('the isolate', () => {
  it('asks D1 once in a minute', async () => {
    const db = isolate()
    const { kid } = await currentKey(db)
    const use = () => counted(() => Promise.all([currentKey(db), verificationKey(db, kid, ACCESS)]))
    expect((await use()).d1).toBe(0)
    later(MINUTE - 1)
    expect((await use()).d1).toBe(0)
    later(1)
    expect((await counted(() => currentKey(db))).d1).toBe(1)
    expect((await use()).d1).toBe(0)
  })

  it('asks D1 once in 10 seconds for unknown ids', async () => {
    const db = isolate()
    await currentKey(db)
    const ask = (kid: string) => counted(() => verificationKey(db, kid, ACCESS))
    expect((await ask('a')).d1).toBe(1)
    expect((await ask('b')).d1).toBe(0)
    later(10 * SECOND - 1)
    expect((await ask('a')).d1).toBe(0)
    later(1)
    expect((await ask('a')).d1).toBe(1)
    expect((await ask('a')).d1).toBe(0)
  })

  it('finds a key that another isolate created right after it had read all keys', async () => {
    await currentKey(isolate())
    const db = isolate()
    const old = await currentKey(db)
    await rotateTokenKeys(isolate(), Date.now(), 'now')
    const { kid } = await currentKey(isolate())
    expect(kid).not.toBe(old.kid)
    expect(await verificationKey(db, kid, ACCESS)).toMatchObject({ kid })
    expect(await currentKey(db)).toMatchObject({ kid })
  })

  it('does not treat a failure of D1 as an unknown key', async () => {
    const broken: D1Database = Object.assign(Object.create(env.DB), {
      prepare() {
        throw new Error('D1 is away')
      },
    })
    await expect(verificationKey(broken, 'a', ACCESS)).rejects.toThrow('D1 is away')
  })
})

describe('rotation', () => {
  it('waits for the first key, and then for 30 days', async () => {
    const db = isolate()
    expect(await rotateTokenKeys(db, Date.now())).toBe(false)
    expect(await storedIds()).toEqual([])
    const first = await currentKey(db)
    expect(await rotateTokenKeys(db, first.createdAt + 30 * DAY - 1)).toBe(false)
    expect(await storedIds()).toEqual([first.kid])
    later(30 * DAY)
    expect(await rotateTokenKeys(db, Date.now())).toBe(true)
    expect(await rotateTokenKeys(db, Date.now())).toBe(false)
    const second = await currentKey(db)
    expect(await storedIds()).toEqual([second.kid, first.kid])
  })

  it('happens at once on request, even twice in a millisecond', async () => {
    const db = isolate()
    const kids = [(await currentKey(db)).kid]
    for (let times = 0; times < 3; times += 1) {
      expect(await rotateTokenKeys(db, Date.now(), 'now')).toBe(true)
      kids.unshift((await currentKey(db)).kid)
    }
    expect(await storedIds()).toEqual(kids)
    expect(new Set(kids).size).toBe(4)
  })

  it('creates one key, however many start it at once', async () => {
    await currentKey(isolate())
    later(31 * DAY)
    const isolates = Array.from({ length: 6 }, isolate)
    const made = await Promise.all(isolates.map((db) => rotateTokenKeys(db, Date.now())))
    expect(made.filter(Boolean)).toHaveLength(1)
    const kids = await Promise.all(isolates.map(async (db) => (await currentKey(db)).kid))
    expect(new Set(kids).size).toBe(1)
    expect(await count('token_keys')).toBe(2)
  })

  it('leaves two keys valid, the old one as long as a token that it signed can be valid', async () => {
    const db = isolate()
    const old = await currentKey(db)
    later(30 * DAY)
    await rotateTokenKeys(db, Date.now())
    const next = await currentKey(db)
    const accepted = async (lifetime: number) => {
      const keys = await Promise.all(
        [old, next].map(({ kid }) => verificationKey(isolate(), kid, lifetime)),
      )
      return keys.map((key) => key !== null)
    }
    expect(await accepted(ACCESS)).toEqual([true, true])
    // An isolate that had just read the keys still signs with the old one for a minute.
    later(30 * MINUTE + 30 * SECOND)
    expect(await accepted(ACCESS)).toEqual([true, true])
    vi.setSystemTime(next.createdAt + DAY + ACCESS - 1)
    expect(await accepted(ACCESS)).toEqual([true, true])
    later(1)
    expect(await accepted(ACCESS)).toEqual([false, true])
    expect(await accepted(TOKEN_LIFETIME_MAX_MS)).toEqual([true, true])
    vi.setSystemTime(next.createdAt + DAY + TOKEN_LIFETIME_MAX_MS)
    expect(await accepted(TOKEN_LIFETIME_MAX_MS)).toEqual([false, true])
  })

  it('with revocation leaves one key, and other isolates accept the old ones for at most a minute', async () => {
    const [here, there] = [isolate(), isolate()]
    const old = await currentKey(here)
    await rotateTokenKeys(here, Date.now(), 'now')
    await currentKey(there)
    expect(await rotateTokenKeys(here, Date.now(), 'revoke')).toBe(true)
    expect(await storedIds()).toEqual([(await currentKey(here)).kid])
    expect(await verificationKey(here, old.kid, ACCESS)).toBeNull()
    expect(await verificationKey(there, old.kid, ACCESS)).not.toBeNull()
    later(MINUTE)
    expect(await verificationKey(there, old.kid, ACCESS)).toBeNull()
  })

  it('drops a key when no token that it signed can be valid, and never the newest', async () => {
    const db = isolate()
    const old = await currentKey(db)
    await rotateTokenKeys(db, Date.now(), 'now')
    const next = await currentKey(db)
    const end = next.createdAt + DAY + TOKEN_LIFETIME_MAX_MS
    // Even if the cron does not run for years.
    await rotateTokenKeys(isolate(), end - 1)
    expect(await storedIds()).toContain(old.kid)
    await rotateTokenKeys(isolate(), end)
    expect(await storedIds()).not.toContain(old.kid)
    expect(await storedIds()).toContain(next.kid)
    await rotateTokenKeys(isolate(), end + 3650 * DAY)
    expect((await storedIds()).length).toBe(2)
  })
})
