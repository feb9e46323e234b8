/**
 * Bindings that count what Cloudflare bills, by its own units: rows and not queries of D1, each call of a Durable Object, rows
 * of its storage, and the two classes of R2's operations. test/support/counting.ts counts round trips, which is another matter.
 */
import type { Env } from '../../src/http/middleware/context.ts'
import { type Bill, billOf } from './bill.ts'

const bill: Bill = billOf()

/** Of Durable Objects' storage: a cursor tells what it read only once it was read from. */
const cursors: Pick<SqlStorageCursor<never>, 'rowsRead' | 'rowsWritten'>[] = []

/** What the queue was given; it is not passed on, so that nothing is consumed beside what is counted. */
let queued: unknown[] = []

/** What `work` is billed for, the upload sessions that it calls included. */
export async function metered(work: () => Promise<unknown>): Promise<Bill> {
  Object.assign(bill, billOf())
  cursors.length = 0
  await work()
  for (const { rowsRead, rowsWritten } of cursors) {
    bill.objectRowsRead += rowsRead
    bill.objectRowsWritten += rowsWritten
  }
  return { ...bill }
}

export function countInvocation(): void {
  bill.invocations += 1
}

/** An alarm that went off is one, too. */
export function countObjectRequest(): void {
  bill.objectRequests += 1
}

/** The messages that were queued since this was last asked. */
export function takeQueued(): unknown[] {
  const taken = queued
  queued = []
  return taken
}

/** Those that are not billed are left out: deletes, and aborted uploads. */
const R2_CLASSES: Record<string, 'r2ClassA' | 'r2ClassB'> = {
  put: 'r2ClassA',
  createMultipartUpload: 'r2ClassA',
  uploadPart: 'r2ClassA',
  complete: 'r2ClassA',
  list: 'r2ClassA',
  get: 'r2ClassB',
  head: 'r2ClassB',
}

/** The same bindings, counting. */
export function meterBindings<T extends Pick<Env, 'BUCKET' | 'DB'>>(env: T): T {
  const uploads: unknown = Reflect.get(env, 'UPLOADS')
  const logins: unknown = Reflect.get(env, 'LOGINS')
  const events: unknown = Reflect.get(env, 'EVENTS')
  const retries: unknown = Reflect.get(env, 'RETRIES')
  return {
    ...env,
    BUCKET: meterBucket(env.BUCKET),
    DB: meterDatabase(env.DB),
    ...(uploads instanceof Object ? { UPLOADS: meterNamespace(uploads) } : {}),
    ...(logins instanceof Object ? { LOGINS: meterNamespace(logins) } : {}),
    ...(events instanceof Object ? { EVENTS: meterQueue(events) } : {}),
    ...(retries instanceof Object ? { RETRIES: meterQueue(retries) } : {}),
  }
}

type Call = (args: unknown[], call: () => unknown) => unknown

/** `target`, with each call of a method that `through` names an interception for going through that. */
function intercept<T extends object>(target: T, through: (method: string) => Call | undefined): T {
  const proxy = new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function' || typeof name !== 'string') return member
      const interception = through(name)
      return (...args: unknown[]) => {
        const call = () => Reflect.apply(member, target, args.map(unwrapped))
        return interception === undefined ? call() : interception(args, call)
      }
    },
  })
  originals.set(proxy, target)
  return proxy
}

function interceptMethods<T extends object>(target: T, calls: Record<string, Call>): T {
  return intercept(target, (method) => calls[method])
}

/** Of what was wrapped, the real ones: a batch takes no others. */
const originals = new WeakMap<object, object>()

function unwrapped(argument: unknown): unknown {
  if (Array.isArray(argument)) return argument.map(unwrapped)
  return (argument instanceof Object && originals.get(argument)) || argument
}

function meterBucket<T extends object>(bucket: T): T {
  return intercept(bucket, (method) => (_, call) => {
    const billed = R2_CLASSES[method]
    if (billed !== undefined) bill[billed] += 1
    const answer = call()
    if (method === 'resumeMultipartUpload') return meterBucket(Object(answer))
    if (method !== 'createMultipartUpload') return answer
    return Promise.resolve(answer).then((made) => meterBucket(Object(made)))
  })
}

function meterDatabase<T extends object>(database: T): T {
  return interceptMethods(database, {
    prepare: (_, call) => meterStatement(Object(call())),
    withSession: (_, call) => meterDatabase(Object(call())),
    batch: (_, call) => query(call),
  })
}

function meterStatement(statement: D1PreparedStatement): D1PreparedStatement {
  return interceptMethods(statement, {
    bind: (_, call) => meterStatement(Object(call())),
    all: (_, call) => query(call),
    run: (_, call) => query(call),
    // The only one whose answer does not tell its rows: it runs the whole query all the same.
    first: async ([column]) => {
      const { results } = Object(await query(() => statement.all()))
      const row = results[0] ?? null
      return typeof column === 'string' && row !== null ? row[column] : row
    },
  })
}

async function query(call: () => unknown): Promise<unknown> {
  bill.d1Queries += 1
  const answer = await call()
  for (const result of [answer].flat()) {
    const { meta } = Object(result)
    bill.d1RowsRead += meta.rows_read
    bill.d1RowsWritten += meta.rows_written
  }
  return answer
}

/** Each call of a method of a stub is a request. */
function meterNamespace<T extends object>(namespace: T): T {
  const stub: Call = (_, call) =>
    intercept(Object(call()), () => (_args, request) => {
      bill.objectRequests += 1
      return request()
    })
  return interceptMethods(namespace, { getByName: stub, get: stub })
}

/** Of a message, with the about 100 bytes that the queue adds. */
const QUEUE_UNIT_BYTES = 64_000
const QUEUE_METADATA_BYTES = 100
const WRITE_READ_DELETE = 3

function meterQueue<T extends object>(queue: T): T {
  const accept = async (messages: Iterable<MessageSendRequest>) => {
    for (const { body } of messages) {
      const bytes = new TextEncoder().encode(JSON.stringify(body)).length + QUEUE_METADATA_BYTES
      bill.queueOperations += WRITE_READ_DELETE * Math.ceil(bytes / QUEUE_UNIT_BYTES)
      queued.push(body)
    }
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
  }
  return interceptMethods(queue, {
    send: ([body]) => accept([{ body }]),
    sendBatch: ([messages]) => accept(Object(messages)),
  })
}

/** A Durable Object's state whose storage counts. The object takes no other state, so it is changed in place. */
export function meterStorage(state: DurableObjectState): DurableObjectState {
  const { storage } = state
  const sql = interceptMethods(storage.sql, {
    exec: (_, call) => {
      const cursor = Object(call())
      cursors.push(cursor)
      return cursor
    },
  })
  const metered = interceptMethods(storage, {
    setAlarm: (_, call) => {
      bill.objectRowsWritten += 1
      return call()
    },
  })
  const value = new Proxy(metered, {
    get: (target, name) => (name === 'sql' ? sql : Reflect.get(target, name)),
  })
  Object.defineProperty(state, 'storage', { value })
  return state
}
