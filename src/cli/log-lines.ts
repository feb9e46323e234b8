/**
 * The log of the Worker, on stdout, and its errors on stderr: JSON as on Cloudflare, or text for a terminal. Lines that come before the
 * greeting wait for it.
 */
import { styleText } from 'node:util'
import type { WorkerdStructuredLog as Line } from 'miniflare'

export class LogLines {
  readonly #format: (line: Line) => string
  #held: Line[] | null = []
  #ownRequest: string | null = null

  constructor(isTerminal: boolean) {
    this.#format = isTerminal ? asText : ({ message }) => message
  }

  readonly take = (line: Line): void => {
    if (this.#held === null) this.#print(line)
    else this.#held.push(line)
  }

  /** Prints what waited and what follows, without the request that asked the registry who may use it. */
  release(ownRequest: string | null = null): void {
    this.#ownRequest = ownRequest
    const held = this.#held ?? []
    this.#held = null
    for (const line of held) this.#print(line)
  }

  #print(line: Line): void {
    if (this.#ownRequest !== null && line.message.includes(this.#ownRequest)) return
    const isError = line.level === 'error' || line.level === 'warn'
    ;(isError ? console.error : console.log)(this.#format(line))
  }
}

type Fields = Record<string, unknown>

function asText({ timestamp, level, message }: Line): string {
  const time = styleText('dim', new Date(timestamp).toLocaleTimeString('en-GB'))
  const fields = fieldsOf(message)
  if (fields === null) return `${time} ${visible(message)}`
  if (fields.message === 'request') return `${time} ${requestText(fields)}`
  const { message: text, error, ...rest } = fields
  const details = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  const line = [text, ...details].join(' ')
  const shown = level === 'error' ? styleText('red', visible(line)) : visible(line)
  return error === undefined ? `${time} ${shown}` : `${time} ${shown}\n${error}`
}

/** Null if the line is not a JSON object: the runtime itself wrote it. */
function fieldsOf(message: string): Fields | null {
  try {
    const fields: unknown = JSON.parse(message)
    return fields !== null && typeof fields === 'object' ? { ...fields } : null
  } catch {
    return null
  }
}

function requestText({ method, path, status, ms, subject, code, reason }: Fields): string {
  const colour = Number(status) < 400 ? 'green' : Number(status) < 500 ? 'yellow' : 'red'
  const who = subject === '' ? '' : `  ${subject}`
  const why = code === undefined ? '' : `  ${code}: ${reason}`
  const head = `${styleText(colour, String(status))} ${String(method).padEnd(6)}`
  return `${head} ${visible(`${path}  ${ms} ms${who}${why}`)}`
}

/** Paths and reasons hold what clients sent. Control characters would command the terminal, others hide or reverse a part of a line. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·')
}
