/**
 * `berth/registry` as another project gets it: packed, installed, and mounted under a prefix in a Worker that has a login, a blob store
 * and a policy of its own.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BEHAVIOURS, startReceiver, type WebhookReceiver } from './receiver.ts'
import { eventually, stateFolder } from './support.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

const WORKER = `
  import { createRegistry } from 'berth/registry'

  const told = []
  const users = { ann: 'let ann in, please', bob: 'let bob in, please', eve: 'let eve in, please' }
  const registry = createRegistry({
    prefix: '/images',
    // Counts, and is R2 otherwise.
    blobs: (env) => bucket(env.FILES),
    authenticate: async (request) => {
      await request.text()
      const [user, password] = atob((request.headers.get('Authorization') ?? '').slice(6)).split(':')
      if (!(user in users) || users[user] !== password) return null
      return { name: user === 'eve' ? '' : user, grants: [{ pattern: 'team/**', actions: user === 'ann' ? ['admin'] : ['pull'] }] }
    },
    policy: async ({ action, repository, reference, subject }) => {
      if (action === 'delete' && repository === 'team/kept') return repository + ' is kept'
      if (action === 'delete' && reference === 'stable') return 'stable stays'
      if (repository === 'team/closed' && action === 'pull') return 'closed'
      return action === 'push' && reference === 'frozen' ? \`\${subject} may not move \${repository}:frozen\` : null
    },
    onEvent: async ({ action, target }) => { told.push(action + ' ' + (target.tag ?? target.digest)) },
  })

  function bucket(r2) {
    const error = (code) => (thrown) => { if (!String(thrown.message).endsWith('(' + code + ')')) throw thrown; return null }
    return {
      limits: { wholeBytes: 1e9, partBytes: 5 * 1024 * 1024, parts: 10000, removedKeys: 1000 },
      read: async (key, range) => (await r2.get(key, range ? { range } : {}))?.body ?? null,
      size: async (key) => (await r2.head(key))?.size ?? null,
      write: async (key, body, digest) => (await r2.put(key, body, { sha256: digest.slice(7) }).catch(error(10037))) !== null,
      list: async (prefix, after) => {
        const { objects, truncated } = await r2.list({ prefix, startAfter: after })
        return { objects: objects.map(({ key, uploaded }) => ({ key, uploaded: uploaded.getTime() })), more: truncated }
      },
      remove: (keys) => r2.delete([...keys]),
      beginParts: async (key) => (await r2.createMultipartUpload(key)).uploadId,
      writePart: async (key, id, number, body) => ({ number, etag: (await r2.resumeMultipartUpload(key, id).uploadPart(number, body)).etag }),
      completeParts: async (key, id, parts) => {
        await r2.resumeMultipartUpload(key, id).complete(parts.map(({ number, etag }) => ({ partNumber: number, etag })))
        return true
      },
      abortParts: (key, id) => r2.resumeMultipartUpload(key, id).abort(),
    }
  }

  export const { UploadSession, LoginGuard } = registry
  export default {
    async fetch(request, env, ctx) {
      const { pathname } = new URL(request.url)
      if (pathname.startsWith('/images/')) return registry.fetch(request, env, ctx)
      return pathname === '/told' ? Response.json(told) : new Response('the host of the registry')
    },
    queue: registry.queue,
    scheduled: registry.scheduled,
  }`

const state = stateFolder()
let miniflare: Miniflare
let receiver: WebhookReceiver
let url: URL

beforeAll(async () => {
  receiver = await startReceiver(() => BEHAVIOURS.ok)
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', state.path], {
    cwd: root,
  })
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')))
  // What an installation does, without asking a package registry for the dependencies.
  const modules = join(state.path, 'node_modules')
  await mkdir(join(modules, 'berth'), { recursive: true })
  await run('tar', [
    '-xzf',
    join(state.path, filename),
    '-C',
    join(modules, 'berth'),
    '--strip-components=1',
  ])
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) {
    await mkdir(join(modules, name, '..'), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
  await writeFile(join(state.path, 'main.js'), WORKER)
  await build({
    entryPoints: [join(state.path, 'main.js')],
    outfile: join(state.path, 'worker.js'),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
  })
  const session = (className: string) => ({ className, useSQLite: true })
  const queues = ['berth-events', 'berth-retries', 'berth-events-dead']
  const worker = {
    name: 'host',
    rootPath: state.path,
    modules: true,
    scriptPath: join(state.path, 'worker.js'),
    compatibilityDate: '2026-11-01',
    bindings: {
      ALLOW_LOOPBACK: 'true',
      WEBHOOKS: JSON.stringify([{ name: 'all', url: receiver.url('ok') }]),
    },
    r2Buckets: { FILES: 'files' },
    d1Databases: { DB: 'registry' },
    durableObjects: { UPLOADS: session('UploadSession'), LOGINS: session('LoginGuard') },
    queueProducers: { EVENTS: 'berth-events', RETRIES: 'berth-retries' },
    queueConsumers: Object.fromEntries(queues.map((name) => [name, { maxBatchTimeout: 0.1 }])),
  }
  const { workers } = convertV4MiniflareOptions({ workers: [worker] })
  miniflare = new Miniflare({ port: 0, resourcePersistencePath: join(state.path, 'v3'), workers })
  url = await miniflare.ready
  await migrate(join(modules, 'berth/migrations'))
})

afterAll(async () => {
  await miniflare?.dispose()
  await receiver?.stop()
  await state.remove()
})

/** The package carries its migrations. Each trigger stands on one line, so a statement ends where a line ends with a semicolon. */
async function migrate(folder: string): Promise<void> {
  const db = await miniflare.getD1Database('DB', 'host')
  for (const file of (await readdir(folder)).sort()) {
    const sql = (await readFile(join(folder, file), 'utf8')).replace(/^--.*$/gm, '')
    for (const statement of sql.split(/;\n/)) {
      if (statement.trim() !== '') await db.prepare(statement).run()
    }
  }
}

function ask(
  method: string,
  path: string,
  init: RequestInit = {},
  user = 'ann',
): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('Authorization', `Basic ${btoa(`${user}:let ${user} in, please`)}`)
  return fetch(new URL(path, url), { ...init, method, headers })
}

const digestOf = (bytes: Uint8Array | string) =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: {
    mediaType: 'application/vnd.oci.empty.v1+json',
    digest: digestOf('{}'),
    size: 2,
  },
  layers: [],
})

const putManifest = (tag: string, user = 'ann') =>
  ask(
    'PUT',
    `/images/v2/team/app/manifests/${tag}`,
    { body: MANIFEST, headers: { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' } },
    user,
  )

it('the embedded registry serves pushes and pulls with the login of its host, below the prefix', async () => {
  expect(await (await fetch(url)).text()).toBe('the host of the registry')
  const stranger = await fetch(new URL('/images/v2/', url))
  expect(stranger.status).toBe(401)
  expect(stranger.headers.get('WWW-Authenticate')).toMatch(/^Basic /)

  const begun = await ask('POST', '/images/v2/team/app/blobs/uploads/')
  expect(begun.status).toBe(202)
  const location = begun.headers.get('Location') ?? ''
  expect(new URL(location).pathname).toMatch(/^\/images\/v2\/team\/app\/blobs\/uploads\//)
  // Through the upload's object, which has the host's blob store.
  const patched = await ask('PATCH', location, { body: '{}' })
  const closed = await ask('PUT', `${patched.headers.get('Location')}?digest=${digestOf('{}')}`)
  expect(closed.status).toBe(201)
  expect((await putManifest('latest')).status).toBe(201)

  const pulled = await ask('GET', '/images/v2/team/app/manifests/latest', {}, 'bob')
  expect(await pulled.text()).toBe(MANIFEST)
  const blob = await ask('GET', `/images/v2/team/app/blobs/${digestOf('{}')}`, {}, 'bob')
  expect(await blob.text()).toBe('{}')
  expect((await putManifest('mine', 'bob')).status).toBe(403)
  expect((await ask('GET', '/images/v2/other/app/tags/list', {}, 'bob')).status).toBe(403)
})

it('the embedded registry asks the policy of its host', async () => {
  const refused = await putManifest('frozen')
  expect(refused.status).toBe(403)
  const { errors } = (await refused.json()) as { errors: unknown }
  expect(errors).toMatchObject([{ code: 'DENIED', message: 'ann may not move team/app:frozen' }])
})

it('the embedded registry delivers events to webhooks, and to its host', async () => {
  const names = () => receiver.received.map(({ body }) => JSON.parse(body))
  await eventually(() => receiver.taken('ok').size >= 2, 'two deliveries')
  expect(names().length).toBeGreaterThanOrEqual(2)
  const told = (await (await fetch(new URL('/told', url))).json()) as string[]
  expect(told).toContain('push latest')
  expect(told).toContain(`push ${digestOf('{}')}`)
})

it('the embedded registry removes deleted content', async () => {
  const files = await miniflare.getR2Bucket('FILES', 'host')
  const keys = async () => (await files.list()).objects.map(({ key }) => key)
  expect((await keys()).filter((key) => key.includes('/blobs/'))).toHaveLength(1)
  const path = '/images/v2/team/app'
  expect((await ask('DELETE', `${path}/manifests/${digestOf(MANIFEST)}`)).status).toBe(202)
  expect((await ask('DELETE', `${path}/blobs/${digestOf('{}')}`)).status).toBe(202)
  const worker = await miniflare.getWorker('host')
  // The grace of an hour is over.
  const scheduledTime = new Date(Date.now() + 2 * 60 * 60 * 1000)
  await worker.scheduled({ cron: '17 * * * *', scheduledTime })
  expect((await keys()).filter((key) => key.includes('/blobs/'))).toEqual([])
})

it('the embedded registry asks the policy in the administration API, too', async () => {
  const kept = '/images/v2/team/kept'
  const blob = { body: '{}', headers: { 'Content-Length': '2' } }
  const pushed = await ask('POST', `${kept}/blobs/uploads/?digest=${digestOf('{}')}`, blob)
  expect(pushed.status).toBe(201)
  const type = { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' }
  const put = { body: MANIFEST, headers: type }
  expect((await ask('PUT', `${kept}/manifests/latest`, put)).status).toBe(201)
  const refused = await ask('DELETE', '/images/api/v1/repositories/team/kept')
  expect(refused.status).toBe(403)
  expect(await refused.text()).toContain('team/kept is kept')
  expect((await ask('GET', `${kept}/manifests/latest`)).status).toBe(200)
})

it('the embedded registry admits no caller without a name', async () => {
  const answer = await ask('GET', '/images/v2/team/kept/manifests/latest', {}, 'eve')
  expect(answer.status).toBe(500)
})

it('the embedded registry asks the policy about every tag, and about the source of a mount', async () => {
  const path = '/images/v2/team/tags'
  const blob = { body: '{}', headers: { 'Content-Length': '2' } }
  for (const repository of ['tags', 'closed']) {
    const query = `?digest=${digestOf('{}')}`
    await ask('POST', `/images/v2/team/${repository}/blobs/uploads/${query}`, blob)
  }
  const type = { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' }
  const put = (reference: string) =>
    ask('PUT', `${path}/manifests/${reference}`, { body: MANIFEST, headers: type })
  const digest = digestOf(MANIFEST)
  for (const reference of [`${digest}?tag=frozen`, 'latest?tag=a&tag=frozen']) {
    expect((await put(reference)).status).toBe(403)
  }
  expect((await put('latest?tag=stable')).status).toBe(201)
  expect((await ask('DELETE', `${path}/manifests/${digest}`)).status).toBe(403)
  expect((await ask('DELETE', '/images/api/v1/repositories/team/tags')).status).toBe(403)
  expect((await ask('GET', `${path}/manifests/stable`)).status).toBe(200)

  const layer = Buffer.from('of the closed repository')
  const closed = `/images/v2/team/closed/blobs/uploads/?digest=${digestOf(layer)}`
  const headers = { 'Content-Length': String(layer.length) }
  expect((await ask('POST', closed, { body: layer, headers })).status).toBe(201)
  for (const from of ['&from=team/closed', '']) {
    const mount = `${path}/blobs/uploads/?mount=${digestOf(layer)}${from}`
    expect((await ask('POST', mount)).status).toBe(202)
  }
})

it('the embedded registry issues no tokens beside the login of its host', async () => {
  expect((await ask('GET', '/images/token')).status).toBe(404)
})
