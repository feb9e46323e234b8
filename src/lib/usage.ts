/** The calls of a request to the services behind it: counted and timed, for the log, the bill and the Server-Timing header. */

export type Service = 'd1' | 'r2Reads' | 'r2Writes' | 'r2Deletes' | 'uploads'

export interface Calls {
  count: number
  /** The total time of the completed calls. Concurrent calls each count in full. */
  ms: number
}

export class Usage {
  /** Whether the edge cache had the bytes; null where it was not used. */
  cache: 'hit' | 'miss' | null = null
  readonly #calls = new Map<Service, Calls>()

  of(service: Service): Readonly<Calls> {
    return this.#entry(service)
  }

  async call<T>(service: Service, work: () => Promise<T>): Promise<T> {
    const calls = this.#entry(service)
    calls.count++
    const start = performance.now()
    try {
      return await work()
    } finally {
      calls.ms += performance.now() - start
    }
  }

  #entry(service: Service): Calls {
    const known = this.#calls.get(service)
    if (known !== undefined) return known
    const fresh = { count: 0, ms: 0 }
    this.#calls.set(service, fresh)
    return fresh
  }
}
