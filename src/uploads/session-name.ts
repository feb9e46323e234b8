/**
 * Names of the Durable Objects that have upload sessions, and those that are free again. To make an object takes several times as
 * long as to call one that is there, and its first write and its alarm as much once more; so an object whose upload is
 * committed takes another one. It never has two at a time: an isolate lends a name out once, and only what ended well comes back.
 * A name is base64url of when the object came into being (4 bytes, seconds since the epoch) and of 8 random bytes.
 */

export const SESSION_NAME_CHARACTERS = 16

/** No object takes a new upload for longer: what it remembers of earlier ones stays small, and it stays near its clients. */
export const REUSE_SECONDS = 60 * 60

/** More than one isolate has in use at once. */
const FREE_AT_MOST = 32

export function newSessionName(): string {
  const name = crypto.getRandomValues(new Uint8Array(12))
  new DataView(name.buffer).setUint32(0, nowInSeconds())
  return name.toBase64({ alphabet: 'base64url' })
}

export class FreeSessions {
  readonly #names: string[] = []

  /** The name of an object that is free, the one that was used last: it is the most likely to be in memory still. */
  take(): string | undefined {
    const name = this.#names.pop()
    if (name === undefined || isYoung(name)) return name
    return this.take()
  }

  /** Gives an object back whose upload is over. To be called once for each upload. */
  give(name: string): void {
    this.#names.push(name)
    if (this.#names.length > FREE_AT_MOST) this.#names.shift()
  }
}

/** Those that this isolate knows of. */
export const freeSessions = new FreeSessions()

function isYoung(name: string): boolean {
  const bytes = Uint8Array.fromBase64(name, { alphabet: 'base64url' })
  return nowInSeconds() - new DataView(bytes.buffer).getUint32(0) < REUSE_SECONDS
}

function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
