/** What the model and the registry disagree about, as a table. */
import { expect } from 'vitest'
import { errorCodes } from './registry.ts'

const CODES: Readonly<Record<number, string>> = { 401: 'UNAUTHORIZED', 403: 'DENIED' }

export class Ledger {
  cases = 0
  #disagreements: string[][] = []

  /** Notes an answer whose status is not the model's, or which does not say what belongs to its status. */
  async enter(
    credential: string,
    request: string,
    model: number,
    response: Response,
  ): Promise<void> {
    this.cases += 1
    const problem = await problemOf(model, request, response)
    if (problem !== null) this.#disagreements.push([credential, request, String(model), problem])
  }

  /** Fails with the table of all disagreements since it was last called. */
  settle(): void {
    const rows = this.#disagreements
    this.#disagreements = []
    expect(table(rows)).toBe('')
  }
}

async function problemOf(
  model: number,
  request: string,
  response: Response,
): Promise<string | null> {
  const { status, headers } = response
  if (status !== model) return String(status)
  if ((status === 401) !== headers.has('WWW-Authenticate')) return `${status}, wrong challenge`
  const code = CODES[status]
  if (code === undefined || request.startsWith('HEAD')) return null
  const codes = await errorCodes(response)
  return codes.join() === code ? null : `${status} ${codes}`
}

const HEAD = ['credential', 'request', 'model', 'registry']

function table(rows: readonly string[][]): string {
  if (rows.length === 0) return ''
  const all = [HEAD, ...rows]
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const lines = all.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
  return `\n${lines.join('\n')}\n`
}
