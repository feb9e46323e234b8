import { describe, expect, it } from 'vitest'
import { readForwarded } from '../../src/lib/forwarded.ts'

describe('readForwarded', () => {
  it.each<[Record<string, string>, string | undefined, string | undefined]>([
    [{}, undefined, undefined],
    [{ Host: 'inner:8080' }, undefined, undefined],
    [{ 'X-Forwarded-Proto': 'https' }, 'https', undefined],
    [{ 'X-Forwarded-Host': 'r.example' }, undefined, 'r.example'],
    [{ 'X-Forwarded-Host': ' r.example , inner' }, undefined, 'r.example'],
    [{ 'X-Forwarded-Host': 'r.example', 'X-Forwarded-Port': '8443' }, undefined, 'r.example:8443'],
    [
      { 'X-Forwarded-Host': 'r.example', 'X-Forwarded-Port': '8443, 80' },
      undefined,
      'r.example:8443',
    ],
    [{ 'X-Forwarded-Host': 'r.example:1', 'X-Forwarded-Port': '8443' }, undefined, 'r.example:1'],
    [{ 'X-Forwarded-Host': '[::1]', 'X-Forwarded-Port': '8443' }, undefined, '[::1]:8443'],
    [{ Host: 'r.example', 'X-Forwarded-Port': '8443' }, undefined, 'r.example:8443'],
    [{ Forwarded: 'for=1.2.3.4;proto=https;host=r.example' }, 'https', 'r.example'],
    [{ Forwarded: 'HOST="r.example:8443" ; Proto=https' }, 'https', 'r.example:8443'],
    [{ Forwarded: 'host="[2001:db8::1]:80", host=inner' }, undefined, '[2001:db8::1]:80'],
    [{ Forwarded: 'for="a,b;host=evil";host=r.example, proto=http' }, undefined, 'r.example'],
    [{ Forwarded: 'host="r\\.example"' }, undefined, 'r.example'],
    [{ Forwarded: 'for=a, host=inner' }, undefined, undefined],
    [{ Forwarded: 'host=r.example;proto' }, undefined, undefined],
    [{ Forwarded: 'host="r.example' }, undefined, undefined],
    [{ Forwarded: 'nonsense' }, undefined, undefined],
    [{ Forwarded: '' }, undefined, undefined],
  ])('%j', (headers, proto, host) => {
    expect(readForwarded((name) => headers[name])).toEqual({ proto, host })
  })

  it('ignores Forwarded if a proxy sets the older headers', () => {
    const headers: Record<string, string> = {
      'X-Forwarded-Proto': 'https',
      Forwarded: 'host=evil.example;proto=http',
    }
    expect(readForwarded((name) => headers[name])).toEqual({ proto: 'https', host: undefined })
  })
})
