/** The Worker's entry point: the handlers and classes that the runtime calls. */
import { createRegistry } from './create-registry.ts'
import type { Env } from './http/middleware/context.ts'

const registry = createRegistry<Env>()

export const { LoginGuard, UploadSession } = registry

export default {
  fetch: registry.fetch,
  queue: registry.queue,
  scheduled: registry.scheduled,
} satisfies ExportedHandler<Env>
