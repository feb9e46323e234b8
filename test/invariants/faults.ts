/**
 * Makes one call of the real R2 and D1 bindings fail, before or after its effect: what a lost connection looks like from here.
 * The calls are patched at their prototypes, so those of the upload sessions, which run in the same isolate, count too.
 */
import { env } from 'cloudflare:workers'

export interface Fault {
  /** Which call fails: the n-th from 1, of all or only of `operation`. */
  call: number
  operation?: string
  /** `after`: the effect is there, only the answer is lost. */
  when: 'before' | 'after'
}

export class InjectedFault extends Error {}

let calls: string[] = []
let fault: Fault | undefined

/** Every R2 and D1 call that `work` made, by name, in order. */
export async function recordCalls(work: () => Promise<unknown>): Promise<string[]> {
  calls = []
  await work()
  return calls
}

/** Runs `work` with one failing call. */
export async function withFault<T>(planned: Fault, work: () => Promise<T>): Promise<T> {
  calls = []
  fault = planned
  try {
    return await work()
  } finally {
    fault = undefined
  }
}

const multipart = env.BUCKET.resumeMultipartUpload('none', 'none')
patch('r2', env.BUCKET, ['head', 'get', 'put', 'createMultipartUpload', 'delete', 'list'])
patch('r2', multipart, ['uploadPart', 'complete', 'abort'])
patch('d1', env.DB, ['batch'])
patch('d1', env.DB.prepare('SELECT 1'), ['first', 'all', 'run'])

function patch(binding: string, instance: object, methods: readonly string[]): void {
  const prototype: object = Object.getPrototypeOf(instance)
  for (const method of methods) {
    const real: unknown = Reflect.get(prototype, method)
    if (typeof real !== 'function') throw new TypeError(`${method} is no method`)
    const name = `${binding}.${method}`
    Reflect.set(prototype, method, async function faulty(this: unknown, ...args: unknown[]) {
      const now = isDue(name)
      if (now && fault?.when === 'before') throw new InjectedFault(`${name} failed`)
      const result: unknown = await Reflect.apply(real, this, args)
      if (now) throw new InjectedFault(`${name} was done, its answer was lost`)
      return result
    })
  }
}

/** Counts a call, and tells whether it is the one that is to fail. */
function isDue(name: string): boolean {
  calls.push(name)
  if (fault === undefined) return false
  const { operation, call } = fault
  if (operation === undefined) return calls.length === call
  return name === operation && calls.filter((made) => made === operation).length === call
}
