/** Every route of the registry API that stands on a repository: what it needs, and what it answers to who has that. */
import type { Digest } from '../../src/oci/digest.ts'
import { MEDIA_TYPE_OCI_MANIFEST } from '../../src/oci/media-types.ts'
import { CREATE, DELETE, MOVE, PULL } from './access-model.ts'

export const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`

/** The same in all repositories that there are. */
export interface Content {
  config: Digest
  layer: Digest
  /** The manifest under `latest`, a child of the index under `index`. */
  first: Digest
  firstBytes: Uint8Array<ArrayBuffer>
  /** The manifest under `stable`. */
  second: Digest
  secondBytes: Uint8Array<ArrayBuffer>
  indexBytes: Uint8Array<ArrayBuffer>
}

export interface Route {
  readonly method: string
  /** What stands behind the repository's name. */
  readonly tail: (content: Content) => string
  /** Bits of the model. */
  readonly needs: number
  /** The status for who has them, in a repository that is there, and in one that is not. */
  readonly there: number
  readonly gone: number
  readonly body?: (content: Content) => Uint8Array<ArrayBuffer>
  readonly type?: string
  /** Tags that a successful request changes: they are set back to what they were. */
  readonly changes?: 'stable' | 'spare'
}

const MANIFEST = { body: ({ firstBytes }: Content) => firstBytes, type: MEDIA_TYPE_OCI_MANIFEST }
const BYTE = { body: () => Uint8Array.of(120), type: 'application/octet-stream' }

function pull(method: 'GET' | 'HEAD', tail: Route['tail'], there: number, gone: number): Route {
  return { method, tail, needs: PULL, there, gone }
}

export const ROUTES: readonly Route[] = [
  pull('GET', () => '/tags/list', 200, 404),
  pull('GET', () => '/tags/list?n=1&last=a', 200, 404),
  pull('GET', () => '/manifests/latest', 200, 404),
  pull('HEAD', () => '/manifests/latest', 200, 404),
  pull('GET', () => '/manifests/absent', 404, 404),
  pull('GET', () => '/manifests/.x', 400, 400),
  pull('GET', ({ first }) => `/manifests/${first}`, 200, 404),
  pull('HEAD', ({ first }) => `/manifests/${first}`, 200, 404),
  pull('GET', ({ layer }) => `/blobs/${layer}`, 200, 404),
  pull('HEAD', ({ layer }) => `/blobs/${layer}`, 200, 404),
  pull('GET', () => `/blobs/${UNKNOWN}`, 404, 404),
  pull('GET', () => '/blobs/sha256:0', 400, 400),
  pull('GET', ({ first }) => `/referrers/${first}`, 200, 200),

  { method: 'POST', tail: () => '/blobs/uploads/', needs: CREATE, there: 202, gone: 202 },
  { method: 'POST', tail: () => '/blobs/uploads', needs: CREATE, there: 202, gone: 202 },
  {
    method: 'POST',
    tail: () => `/blobs/uploads/?mount=${UNKNOWN}&from=other/source`,
    needs: CREATE,
    there: 202,
    gone: 202,
  },
  {
    method: 'POST',
    tail: () => `/blobs/uploads/?digest=${UNKNOWN}`,
    needs: CREATE,
    there: 400,
    gone: 400,
    ...BYTE,
  },
  { method: 'GET', tail: () => '/blobs/uploads/x', needs: CREATE, there: 404, gone: 404 },
  { method: 'HEAD', tail: () => '/blobs/uploads/x', needs: CREATE, there: 404, gone: 404 },
  {
    method: 'PATCH',
    tail: () => '/blobs/uploads/x',
    needs: CREATE,
    there: 404,
    gone: 404,
    ...BYTE,
  },
  {
    method: 'PUT',
    tail: () => `/blobs/uploads/x?digest=${UNKNOWN}`,
    needs: CREATE,
    there: 404,
    gone: 404,
    ...BYTE,
  },
  { method: 'DELETE', tail: () => '/blobs/uploads/x', needs: CREATE, there: 404, gone: 404 },
  {
    method: 'PUT',
    tail: () => '/manifests/latest',
    needs: CREATE,
    there: 201,
    gone: 400,
    ...MANIFEST,
  },
  {
    method: 'PUT',
    tail: ({ first }) => `/manifests/${first}`,
    needs: CREATE,
    there: 201,
    gone: 400,
    ...MANIFEST,
  },
  {
    method: 'PUT',
    tail: ({ first }) => `/manifests/${first}?tag=latest`,
    needs: CREATE,
    there: 201,
    gone: 400,
    ...MANIFEST,
  },

  {
    method: 'PUT',
    tail: () => '/manifests/stable',
    needs: CREATE | MOVE,
    there: 201,
    gone: 400,
    changes: 'stable',
    ...MANIFEST,
  },
  {
    method: 'PUT',
    tail: ({ first }) => `/manifests/${first}?tag=latest&tag=stable`,
    needs: CREATE | MOVE,
    there: 201,
    gone: 400,
    changes: 'stable',
    ...MANIFEST,
  },

  { method: 'DELETE', tail: () => '/manifests/absent', needs: DELETE, there: 404, gone: 404 },
  {
    method: 'DELETE',
    tail: () => '/manifests/spare',
    needs: DELETE,
    there: 202,
    gone: 404,
    changes: 'spare',
  },
  {
    method: 'DELETE',
    tail: ({ first }) => `/manifests/${first}`,
    needs: DELETE,
    there: 405,
    gone: 404,
  },
  {
    method: 'DELETE',
    tail: ({ layer }) => `/blobs/${layer}`,
    needs: DELETE,
    there: 405,
    gone: 404,
  },
  { method: 'DELETE', tail: () => `/blobs/${UNKNOWN}`, needs: DELETE, there: 404, gone: 404 },
]

/** Those that need exactly these bits. */
export function routesFor(needs: number): readonly Route[] {
  return ROUTES.filter((route) => route.needs === needs)
}

export const NEEDS = [PULL, CREATE, CREATE | MOVE, DELETE] as const
