/** upload-protocol.md has the phases of a session, their transitions, and what each request gets. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { assertMove, type Phase } from '../../src/uploads/phases.ts'
import { SQL } from '../../src/uploads/session-schema.ts'
import { beginUpload, bytesOf, send } from '../support/registry.ts'
import { firstNames, foundIn, namesIn, pageOf, sectionOf, tablesOf } from './pages.ts'

const page = pageOf('spec/upload-protocol.md')
const [phaseRows = [], answerRows = []] = tablesOf(sectionOf(page, 'Phases'))

function isPhase(name: string): name is Phase {
  return foundIn('uploads/phases.ts', /type Phase = (.+)/g)
    .join()
    .includes(`'${name}'`)
}

function mayMove(from: Phase, to: Phase): boolean {
  try {
    assertMove(from, to)
    return true
  } catch {
    return false
  }
}

describe('the phases', () => {
  const phases = firstNames(phaseRows).filter(isPhase)

  it('are those of the code', () => {
    const known = foundIn('uploads/phases.ts', /type Phase = (.+)/g).join()
    expect(firstNames(phaseRows).toSorted()).toEqual(
      [...known.matchAll(/'(\w+)'/g)].map(([, phase = '']) => phase).toSorted(),
    )
  })

  it('have the transitions of the code', () => {
    const written = phaseRows.map(([phase = '', , next = '']) => [namesIn(phase)[0], namesIn(next)])
    const known = phases.map((from) => [from, phases.filter((to) => mayMove(from, to))])
    expect(written).toEqual(known)
  })
})

describe('each request in each phase', () => {
  const bytes = bytesOf('a chunk')
  const chunk = { body: bytes, headers: { 'Content-Length': String(bytes.length) } }

  const patch = async (location: string) => {
    const response = await send('PATCH', location, chunk)
    return response.headers.get('Location') ?? ''
  }
  const closing = async (location: string) => `${location}?digest=${await digestOf(bytes)}`

  /** Brings a new upload into the phase. Returns its last Location. */
  const reach: Record<Phase, () => Promise<string>> = {
    none: () => beginUpload('spec/phases'),
    open: async () => patch(await beginUpload('spec/phases')),
    finishing: async () => {
      const response = await send('PATCH', await beginUpload('spec/phases'), chunk)
      const stub = env.UPLOADS.getByName(response.headers.get('Docker-Upload-UUID') ?? '')
      const digest = await digestOf(bytes)
      await runInDurableObject(stub, (_, { storage }) => {
        storage.sql.exec(SQL.finish, digest)
      })
      // Loses the memory, as a crash does that breaks off a closing request.
      await evictDurableObject(stub)
      return response.headers.get('Location') ?? ''
    },
    done: async () => {
      const location = await patch(await beginUpload('spec/phases'))
      await send('PUT', await closing(location))
      return location
    },
    ended: async () => {
      const location = await patch(await beginUpload('spec/phases'))
      await send('DELETE', location)
      return location
    },
  }

  const request: Record<string, (location: string) => Promise<Response>> = {
    GET: (location) => send('GET', location),
    PATCH: (location) => send('PATCH', location, chunk),
    // The upload has all bytes already.
    PUT: async (location) => send('PUT', await closing(location)),
    DELETE: (location) => send('DELETE', location),
  }

  const columns: (Phase | undefined)[] = ['none', 'open', 'finishing', 'done', 'ended']
  const cells = answerRows.flatMap(([method = '', ...answers]) =>
    answers.map((answer, column) => ({
      method: method.replaceAll('`', ''),
      phase: columns[column],
      status: Number(/\d{3}/.exec(answer)?.[0]),
    })),
  )

  it('is in the table', () => {
    expect(cells).toHaveLength(20)
    const [head = ''] = /^\| request .*$/m.exec(sectionOf(page, 'Phases')) ?? []
    expect(namesIn(head)).toEqual(columns)
  })

  for (const { method, phase, status } of cells) {
    if (phase === undefined) continue
    it(`${method} while ${phase} gets ${status}`, async () => {
      const location = await reach[phase]()
      // Without a length the body is no whole blob, so the session gets it.
      const isFirst = method === 'PUT' && phase === 'none'
      const response = isFirst
        ? await send('PUT', await closing(location), { body: streamOf(bytes) })
        : await request[method]?.(location)
      expect(response?.status).toBe(status)
    })
  }
})

/** A body of unknown length: it goes to the session. */
function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  return new Blob([bytes]).stream().pipeThrough(new TransformStream())
}
