/**
 * Makes one call of the real R2 and D1 bindings, or one request to S3 or a storage folder, fail, before or after its effect: what a lost connection looks like from here;
 * or lets something else happen just there. The calls are patched at their prototypes, so those of the upload sessions, which run in the same isolate, count too.
 */
import { env } from 'cloudflare:workers'
import { FolderClient } from '../../src/store/bytes/folder-client.ts'
import { S3Client } from '../../src/store/bytes/s3-client.ts'

export interface Fault {
  /** Which call fails: the n-th from 1, of all or only of `operation`. */
  call: number
  operation?: string
  /** `after`: the effect is there, only the answer is lost. */
  when: 'before' | 'after'
  /** Whether the error is one that passes, as when the connection is lost; by default it is none. */
  passing?: boolean
}

export class InjectedFault extends Error {}

/** What D1, R2 and Durable Objects say when the connection to them breaks. */
const LOST = 'Network connection lost.'

let calls: string[] = []
let fault: (Fault & { act: (call: string) => Promise<void> }) | undefined

/** Every call of R2, S3, a storage folder and D1 that `work` made, by name, in order. */
export async function recordCalls(work: () => Promise<unknown>): Promise<string[]> {
  calls = []
  await work()
  return [...calls]
}

/** Runs `work` with one failing call. */
export function withFault<T>(planned: Fault, work: () => Promise<T>): Promise<T> {
  return withAct(planned, work, async (call) => {
    const what = planned.when === 'before' ? 'failed' : 'was done, its answer was lost'
    throw new InjectedFault(planned.passing ? LOST : `${call} ${what}`)
  })
}

/** Runs `work`, and in the middle of it, at one call, all of `other`. */
export function withInterruption<T>(
  planned: Fault,
  work: () => Promise<T>,
  other: () => Promise<unknown>,
): Promise<T> {
  return withAct(planned, work, async () => {
    await other()
  })
}

/** Runs `work`, and `act` at one call of it. */
export async function withAct<T>(
  planned: Fault,
  work: () => Promise<T>,
  act: (call: string) => Promise<void>,
): Promise<T> {
  calls = []
  fault = { ...planned, act }
  try {
    return await work()
  } finally {
    fault = undefined
  }
}

const multipart = env.BUCKET.resumeMultipartUpload('none', 'none')
patch('r2', env.BUCKET, ['head', 'get', 'put', 'createMultipartUpload', 'delete', 'list'])
patch('r2', multipart, ['uploadPart', 'complete', 'abort'])
const anywhere = { base: 'http://127.0.0.1:9', bucket: '', region: '', keyId: '', secret: '' }
patch('s3', new S3Client(anywhere), ['send'])
patch('folder', new FolderClient(env.NO_FOLDER), ['send'])
patch('d1', env.DB, ['batch'])
patch('d1', env.DB.prepare('SELECT 1'), ['first', 'all', 'run'])

function patch(binding: string, instance: object, methods: readonly string[]): void {
  const prototype: object = Object.getPrototypeOf(instance)
  for (const method of methods) {
    const real: unknown = Reflect.get(prototype, method)
    if (typeof real !== 'function') throw new TypeError(`${method} is no method`)
    const name = `${binding}.${method}`
    Reflect.set(prototype, method, async function faulty(this: unknown, ...args: unknown[]) {
      const due = takeDue(name)
      if (due?.when === 'before') await due.act(name)
      const result: unknown = await Reflect.apply(real, this, args)
      if (due?.when === 'after') await due.act(name)
      return result
    })
  }
}

/** Counts a call, and gives what is to happen there, once. */
function takeDue(name: string) {
  calls.push(name)
  if (fault === undefined) return undefined
  const { operation, call } = fault
  const count =
    operation === undefined ? calls.length : calls.filter((made) => made === operation).length
  if (count !== call || (operation !== undefined && operation !== name)) return undefined
  const due = fault
  fault = undefined
  return due
}
