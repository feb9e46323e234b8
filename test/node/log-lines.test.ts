import { afterEach, describe, expect, it, vi } from 'vitest'
import { LogLines } from '../../src/cli/log-lines.ts'

afterEach(() => vi.restoreAllMocks())

function printed(method: 'log' | 'error'): string[] {
  const lines: string[] = []
  vi.spyOn(console, method).mockImplementation((line: string) => {
    lines.push(line)
  })
  return lines
}

const timestamp = Date.UTC(2026, 0, 2, 3, 4, 5)
const line = (fields: object, level = 'log') => ({
  timestamp,
  level,
  message: JSON.stringify(fields),
})
const REQUEST = {
  message: 'request',
  requestId: 'r-1',
  method: 'GET',
  path: '/v2/team/app/manifests/v1',
  subject: 'ann',
  status: 404,
  code: 'MANIFEST_UNKNOWN',
  reason: 'no such tag',
  ms: 3,
}

describe('the lines of the log', () => {
  it('are JSON if stdout is not a terminal', () => {
    const lines = printed('log')
    const log = new LogLines(false)
    log.release()
    log.take(line(REQUEST))
    expect(lines).toEqual([JSON.stringify(REQUEST)])
  })

  it('are text on a terminal, one line for a request', () => {
    const lines = printed('log')
    const log = new LogLines(true)
    log.release()
    log.take(line(REQUEST))
    expect(lines[0]).toMatch(
      /^\S*\d\d:04:05\S* \S*404\S* GET {4}\/v2\/team\/app\/manifests\/v1 {2}3 ms {2}ann {2}MANIFEST_UNKNOWN: no such tag$/,
    )
  })

  it('never pass a control character of a client to the terminal', () => {
    const lines = printed('log')
    const log = new LogLines(true)
    log.release()
    log.take(line({ ...REQUEST, reason: 'a\u001b[2Jb\r\n\u202ec' }))
    expect(lines[0]).toContain('a·[2Jb···c')
  })

  it('wait for the greeting, without the request that belongs to it', () => {
    const lines = printed('log')
    const log = new LogLines(false)
    log.take(line({ ...REQUEST, requestId: 'own' }))
    log.take(line({ ...REQUEST, requestId: 'other' }))
    expect(lines).toEqual([])
    log.release('own')
    log.take(line({ ...REQUEST, requestId: 'own' }))
    expect(lines).toEqual([JSON.stringify({ ...REQUEST, requestId: 'other' })])
  })

  it('go to stderr if they are errors, with their stack on a terminal', () => {
    const lines = printed('error')
    const log = new LogLines(true)
    log.release()
    log.take(
      line({ message: 'request failed', requestId: 'r-1', error: 'Error: x\n  at y' }, 'error'),
    )
    expect(lines[0]).toContain('request failed requestId="r-1"')
    expect(lines[0]).toContain('\nError: x\n  at y')
  })
})
