/** Counts the calls to an upload's session: each is a round trip to its Durable Object, and billed as a request. */
import type { Usage } from '../lib/usage.ts'

/** Wraps `stub` so that each method call is counted. */
export function countedSession<T extends object>(stub: T, usage: Usage): T {
  return new Proxy(stub, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) =>
        usage.call('uploads', async () => Reflect.apply(member, target, args))
    },
  })
}
