/** What operations declare about who may call them. What the declarations do: repositories.test.ts, accounts.test.ts, ../../access. */
import { describe, expect, it } from 'vitest'
import { operations } from '../../../src/http/api/index.ts'
import { failure } from './support.ts'

function accessOf(path: RegExp): Record<string, string> {
  const found = operations.filter((operation) => path.test(operation.path))
  return Object.fromEntries(found.map(({ id, access }) => [id, access]))
}

describe('the access of an operation', () => {
  it('is checked for the repository in the path', () => {
    expect(accessOf(/\{repository\}/)).toEqual({
      getRepository: 'repository-pull',
      listManifests: 'repository-pull',
      updateRepository: 'repository-admin',
      deleteRepository: 'repository-delete',
    })
  })

  it('is for administrators, or for the account that the path names', () => {
    expect(accessOf(/^\/accounts\/\{name\}/)).toEqual({
      getAccount: 'account',
      updateAccount: 'account',
      signOutAccount: 'account',
      deleteAccount: 'admin',
    })
  })

  it('is checked after the request is valid, and before anything is done', async () => {
    const body = { visibility: 'hidden' }
    expect(await failure('PATCH', '/repositories/missing', { body })).toMatch(/^400 /)
    const valid = { visibility: 'public' }
    expect(await failure('PATCH', '/repositories/missing', { body: valid })).toMatch(/^404 /)
  })
})
