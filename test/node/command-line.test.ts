import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readDevVars } from '../../src/cli/command-line.ts'
import { temporaryFolder } from './support.ts'

function devVars(text: string): string {
  const path = join(temporaryFolder(), '.dev.vars')
  writeFileSync(path, text)
  return path
}

describe('.dev.vars', () => {
  it('sets variables, and ignores comments', async () => {
    const path = devVars('# mine\nADMIN_PASSWORD="correct horse battery"\n')
    expect(await readDevVars(path)).toEqual({ ADMIN_PASSWORD: 'correct horse battery' })
  })

  it('sets a variable to several lines in quotes', async () => {
    const lines = 'ann:$2y$05$abc\nbob:$2y$05$def'
    expect(await readDevVars(devVars(`HTPASSWD="${lines}"\n`))).toEqual({ HTPASSWD: lines })
  })

  it('is refused with a line that sets nothing', async () => {
    const read = readDevVars(devVars('ADMIN_PASSWORD: correct-horse-battery\n'))
    await expect(read).rejects.toThrow('write ADMIN_PASSWORD=value')
  })

  it('is not needed', async () => {
    expect(await readDevVars(join(temporaryFolder(), '.dev.vars'))).toEqual({})
  })

  it('is refused with a name without a value, as in the example', async () => {
    const read = readDevVars(devVars('ADMIN_PASSWORD=\n'))
    await expect(read).rejects.toThrow('in .dev.vars, ADMIN_PASSWORD has no value')
  })

  it('is refused with a name that is no variable', async () => {
    const read = readDevVars(devVars('ADMIN_PASWORD=x'))
    await expect(read).rejects.toThrow(
      'in .dev.vars, there is no variable ADMIN_PASWORD: did you mean ADMIN_PASSWORD?',
    )
  })
})
