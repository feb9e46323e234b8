import { describe, expect, it } from 'vitest'
import { libtrustKeyId } from '../../../src/auth/federation/libtrust.ts'

const P256 = { name: 'ECDSA', namedCurve: 'P-256' }

async function spkiOf(jwk: JsonWebKey): Promise<ArrayBuffer> {
  const key = await crypto.subtle.importKey('jwk', jwk, P256, true, ['verify'])
  const spki = await crypto.subtle.exportKey('spki', key)
  if (!(spki instanceof ArrayBuffer)) throw new Error('no SubjectPublicKeyInfo')
  return spki
}

describe('libtrustKeyId', () => {
  it('matches the example in docker/distribution, docs/spec/auth/jwt.md', async () => {
    const spki = await spkiOf({
      kty: 'EC',
      crv: 'P-256',
      x: 'm7zUpx3b-zmVE5cymSs64POG9QcyEpJaYCD82-549_Q',
      y: 'dU3biz8sZ_8GPB-odm8Wxz3lNDr1xcAQQPQaOcr1fmc',
    })
    expect(await libtrustKeyId(spki)).toBe(
      'PYYO:TEWU:V7JH:26JV:AQTZ:LJC3:SXVJ:XGHA:34F2:2LAQ:ZRMK:Z7Q6',
    )
  })

  it('is twelve groups of base32 for any bytes', async () => {
    for (let length = 0; length < 40; length += 1) {
      expect(await libtrustKeyId(new ArrayBuffer(length))).toMatch(
        /^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/,
      )
    }
  })
})
