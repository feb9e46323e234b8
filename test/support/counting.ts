/** Bindings that count the operations that Cloudflare bills and that cost a round trip. */
import type { Env } from '../../src/http/middleware/context.ts'

export interface Counts {
  r2Reads: number
  r2Writes: number
  r2Deletes: number
  /** A query or a batch: one round trip each. */
  d1: number
  durableObjectCalls: number
}

const ZERO: Counts = { r2Reads: 0, r2Writes: 0, r2Deletes: 0, d1: 0, durableObjectCalls: 0 }

/** What each method of a binding, or of what it hands out, counts as. */
const R2_METHODS: Record<string, keyof Counts> = {
  get: 'r2Reads',
  head: 'r2Reads',
  list: 'r2Reads',
  put: 'r2Writes',
  createMultipartUpload: 'r2Writes',
  uploadPart: 'r2Writes',
  complete: 'r2Writes',
  abort: 'r2Deletes',
  delete: 'r2Deletes',
}
const D1_METHODS: Record<string, keyof Counts> = {
  first: 'd1',
  all: 'd1',
  run: 'd1',
  raw: 'd1',
  batch: 'd1',
  exec: 'd1',
}
const SESSION_METHODS: Record<string, keyof Counts> = {
  append: 'durableObjectCalls',
  finish: 'durableObjectCalls',
  status: 'durableObjectCalls',
  cancel: 'durableObjectCalls',
}
const LOGIN_METHODS: Record<string, keyof Counts> = {
  attempt: 'durableObjectCalls',
  attemptFrom: 'durableObjectCalls',
  remember: 'durableObjectCalls',
  failed: 'durableObjectCalls',
  takeBack: 'durableObjectCalls',
  forget: 'durableObjectCalls',
}
/** Methods that hand out an object whose calls count too. */
const FACTORIES = new Set([
  'withSession',
  'prepare',
  'bind',
  'createMultipartUpload',
  'resumeMultipartUpload',
  'getByName',
])

const counts: Counts = { ...ZERO }

/** What `work` asked of all counting bindings, those of the upload sessions included. */
export async function counted(work: () => Promise<unknown>): Promise<Counts> {
  Object.assign(counts, ZERO)
  await work()
  return { ...counts }
}

/** The same bindings, counting. Made once for each environment, as the runtime's own are. */
export function countBindings<T extends Pick<Env, 'BUCKET' | 'DB'>>(env: T): T {
  const uploads: unknown = Reflect.get(env, 'UPLOADS')
  const logins: unknown = Reflect.get(env, 'LOGINS')
  return {
    ...env,
    BUCKET: countCalls(env.BUCKET, R2_METHODS),
    DB: countCalls(env.DB, D1_METHODS),
    ...(uploads instanceof Object ? { UPLOADS: countCalls(uploads, SESSION_METHODS) } : {}),
    ...(logins instanceof Object ? { LOGINS: countCalls(logins, LOGIN_METHODS) } : {}),
  }
}

/** Of statements that were wrapped, the real ones: a batch takes no others. */
const originals = new WeakMap<object, object>()

function countCalls<T extends object>(target: T, methods: Record<string, keyof Counts>): T {
  const proxy = new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function' || typeof name !== 'string') return member
      return (...args: unknown[]) => {
        const counter = methods[name]
        if (counter !== undefined) counts[counter] += 1
        const result: unknown = Reflect.apply(member, target, args.map(original))
        if (!FACTORIES.has(name)) return result
        return result instanceof Promise
          ? result.then((made: object) => countCalls(made, methods))
          : countCalls(Object(result), methods)
      }
    },
  })
  originals.set(proxy, target)
  return proxy
}

function original(argument: unknown): unknown {
  if (Array.isArray(argument)) return argument.map(original)
  return (argument instanceof Object && originals.get(argument)) || argument
}
