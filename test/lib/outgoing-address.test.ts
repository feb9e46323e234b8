import { describe, expect, it } from 'vitest'
import { addressProblem, isHostPattern } from '../../src/lib/outgoing-address.ts'
import { ADDRESSES, LISTED, SAYS } from '../support/addresses.ts'

const DEPLOYED = { allowLoopback: false, hosts: [] }
const LOCAL = { allowLoopback: true, hosts: [] }

const ROWS = ADDRESSES.flatMap(({ urls, ...group }) => urls.map((url) => ({ ...group, url })))

describe('addressProblem', () => {
  it('is tried with enough different URLs', () => {
    const urls = new Set(ROWS.map(({ url }) => url))
    expect(urls.size).toBe(ROWS.length)
    expect(urls.size).toBeGreaterThan(400)
  })

  describe.each(ADDRESSES)('$why', ({ urls, refusedFor, loopback }) => {
    it.each(urls.map((url) => [JSON.stringify(url.slice(0, 100)), url]))('%s', (_, url) => {
      const problem = addressProblem(url, DEPLOYED)
      if (refusedFor === null) expect(problem).toBeNull()
      else expect(problem).toContain(SAYS[refusedFor])

      const locally = addressProblem(url, LOCAL)
      if (loopback) expect(locally).toBeNull()
      else expect(locally).toBe(problem)
    })
  })
})

describe('a list of hosts', () => {
  it.each(LISTED)('%o and %s: %s', (hosts, url, passes) => {
    expect(addressProblem(url, DEPLOYED)).toBeNull()
    const problem = addressProblem(url, { ...DEPLOYED, hosts })
    if (passes) expect(problem).toBeNull()
    else expect(problem).toContain('not in the list of hosts')
  })

  it('does not allow what is refused without it, and does not exclude this machine', () => {
    const listed = { allowLoopback: false, hosts: ['hooks.internal', '127.0.0.1'] }
    expect(addressProblem('https://hooks.internal/', listed)).toContain('private network')
    expect(addressProblem('https://127.0.0.1/', listed)).toContain('IP address')
    const local = { allowLoopback: true, hosts: ['example.com'] }
    expect(addressProblem('http://127.0.0.1:8080/', local)).toBeNull()
  })

  it.each<[string, boolean]>([
    ['example.com', true],
    ['*.example.com', true],
    ['hooks.example.com', true],
    ['Example.com', false],
    ['*', false],
    ['*.com', false],
    ['*.*.com', false],
    ['a.*.com', false],
    ['*example.com', false],
    ['.example.com', false],
    ['example.com.', false],
    ['example.com:8443', false],
    ['https://example.com', false],
    ['127.0.0.1', false],
    ['[::1]', false],
    ['*.internal', false],
    ['localhost', false],
    ['', false],
  ])('may have %s in it: %s', (pattern, expected) => {
    expect(isHostPattern(pattern)).toBe(expected)
  })
})
