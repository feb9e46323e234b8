/** The feed of events over HTTP: what its readers are shown, what not, and how they go on. */

import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type EventTarget, newEvent, type RegistryEvent } from '../../../src/events/model/event.ts'
import { openCursor, sealCursor } from '../../../src/http/api/event-cursor.ts'
import type { Database } from '../../../src/store/database/database.ts'
import { readEvents } from '../../../src/store/events/event-feed.ts'
import { recordEvent } from '../../../src/store/events/outbox.ts'
import { bindings, pushImage } from '../../support/registry.ts'
import { type Credentials, call, environment, failure } from './support.ts'

interface Feed {
  events: { id: string; action: string; target: { repository: string }; [field: string]: unknown }[]
  next: string
}

const db: Database = bindings.DB
const DIGEST = `sha256:${'a'.repeat(64)}` as const
const CLIENT = 'docker/29 of a secret machine'

function reader(user: string): Credentials {
  return { user, password: `the password of ${user}` }
}

/** May pull from team/app and open; is admin on team/own; knows nothing of hidden/…. */
const EVE = reader('eve')
/** Has no right to anything. */
const NOBODY = reader('nobody')

beforeAll(async () => {
  for (const { user, password } of [EVE, NOBODY]) {
    await call('POST', '/accounts', { body: { name: user, password } })
  }
  const grant = (pattern: string, action: string) =>
    call('PUT', '/grants', { body: { principal: 'account:eve', pattern, actions: [action] } })
  await grant('team/app', 'pull')
  await grant('open', 'pull')
  await grant('team/own', 'admin')
  await grant('team/blind', 'create')
})

beforeEach(async () => {
  await db.batch(
    [`DELETE FROM events`, `DELETE FROM sqlite_sequence WHERE name = 'events'`].map((sql) =>
      db.prepare(sql),
    ),
  )
})

function anEvent(
  repository: string,
  action: RegistryEvent['action'] = 'push',
  target: Partial<EventTarget> = {},
): RegistryEvent {
  const request = {
    id: 'r',
    addr: '203.0.113.7',
    host: 'registry.test',
    method: 'PUT',
    useragent: CLIENT,
  }
  const more = { digest: DIGEST, mediaType: 'a/b', size: 3, tag: 't', ...target }
  return newEvent(action, { ...more, repository }, request, 'mallory/ci')
}

async function record(...events: RegistryEvent[]): Promise<void> {
  await db.batch(events.map((event) => recordEvent(db, event)))
}

/** Many at once, of one repository. */
async function recordMany(count: number, repository: string, action = 'push'): Promise<void> {
  const event = JSON.stringify(anEvent(repository))
  await db
    .prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
      INSERT INTO events (id, at, action, repository, event, due_at)
      SELECT ?2 || i, 1, ?3, ?2, ?4, 1 FROM n`,
    )
    .bind(count, repository, action, event)
    .run()
}

async function read(query = '', as?: Credentials) {
  const { body, headers } = await call<Feed>('GET', `/events${query}`, as ? { as } : {})
  const link = headers.get('Link')
  return {
    ...body,
    place: await openCursor(db, body.next),
    link: link?.slice(link.indexOf('?'), link.indexOf('>')) ?? null,
    repositories: body.events.map(({ target }) => target.repository),
  }
}

describe('the feed', () => {
  it('lists events in order, in the form of docker/distribution', async () => {
    const event = anEvent('team/app', 'push', { references: [], url: 'https://r.test/x' })
    await record(event, anEvent('team/app', 'delete'))
    const { events, place } = await read()
    expect(place).toBe(2)
    expect(events.map(({ action }) => action)).toEqual(['push', 'delete'])
    const { id, timestamp, source } = event
    expect(events[0]).toEqual({
      id,
      timestamp: timestamp.replace(/\.?0*Z$/, 'Z'),
      action: 'push',
      target: {
        mediaType: 'a/b',
        size: 3,
        digest: DIGEST,
        length: 3,
        repository: 'team/app',
        url: 'https://r.test/x',
        tag: 't',
      },
      request: {
        id: 'r',
        addr: '203.0.113.7',
        host: 'registry.test',
        method: 'PUT',
        useragent: CLIENT,
      },
      actor: { name: 'mallory/ci' },
      source,
    })
    expect(Object.keys(events[0] ?? {})).toEqual([
      'id',
      'timestamp',
      'action',
      'target',
      'request',
      'actor',
      'source',
    ])
  })

  it('has the events of a real push', async () => {
    const { digest } = await pushImage('team/app', 'v1')
    const { events } = await read('?action=push', EVE)
    expect(events.at(-1)).toMatchObject({ target: { repository: 'team/app', digest, tag: 'v1' } })
    expect(events).toHaveLength(3)
  })

  it('continues where it stopped', async () => {
    for (const name of ['team/app', 'open', 'team/app', 'open', 'team/app']) {
      await record(anEvent(name))
    }
    const pages: string[][] = []
    let query: string | null = '?n=2&repository=team/*'
    while (query !== null) {
      const page: Awaited<ReturnType<typeof read>> = await read(query, EVE)
      pages.push(page.repositories)
      query = page.link
    }
    expect(pages).toEqual([['team/app', 'team/app'], ['team/app']])
    const { next, place } = await read('', EVE)
    expect(place).toBe(5)
    expect(await read(`?since=${next}`, EVE)).toMatchObject({ events: [], place: 5, link: null })
    await record(anEvent('open'))
    expect(await read(`?since=${next}`, EVE)).toMatchObject({ repositories: ['open'], place: 6 })
    const ahead = await sealCursor(db, 1_000_000)
    expect(await read(`?since=${ahead}`, EVE)).toMatchObject({ events: [], place: 1_000_000 })
  })

  it('has no references: they may be of any size', async () => {
    const references = Array.from({ length: 50 }, () => ({
      mediaType: 'x/y',
      digest: DIGEST,
      size: 1,
    }))
    await record(anEvent('team/app', 'push', { references }))
    const { events } = await read()
    expect(JSON.stringify(events)).not.toContain('references')
    expect(events).toHaveLength(1)
    const [whole] = (await db.prepare('SELECT event FROM events').all()).results
    expect(JSON.stringify(whole)).toContain('references')
    // Nor does the database send them: a page of such events would not fit into memory.
    const [kept] = await readEvents(db, [1])
    expect(kept).not.toContain('references')
  })

  it('skips unreadable events', async () => {
    await record(anEvent('team/app'))
    for (const event of ['no JSON', '{}', '{"id":"x"}']) {
      await db
        .prepare(
          `INSERT INTO events (id, at, action, repository, event, due_at)
          VALUES (?1, 1, 'push', 'team/app', ?1, 1)`,
        )
        .bind(event)
        .run()
    }
    await record(anEvent('open'))
    expect(await read('', EVE)).toMatchObject({ repositories: ['team/app', 'open'], place: 5 })
  })

  it('can be filtered by action and by repositories', async () => {
    await record(anEvent('team/app'), anEvent('open', 'delete'), anEvent('team/app', 'mount'))
    const found = async (query: string) =>
      (await read(query, EVE)).events.map(({ action, target }) => [action, target.repository])
    expect(await found('?action=delete')).toEqual([['delete', 'open']])
    expect(await found('?repository=team/app')).toEqual([
      ['push', 'team/app'],
      ['mount', 'team/app'],
    ])
    expect(await found('?repository=team/*&action=mount')).toEqual([['mount', 'team/app']])
    expect(await found('?action=pull')).toEqual([])
  })

  it.each([
    'since=0',
    'since=5',
    'since=',
    `since=${'A'.repeat(48)}`,
    `since=${'A'.repeat(101)}`,
    'since=-1',
    'since=1.5',
    'since=x',
    'n=0',
    'n=1001',
    'action=fly',
    'repository=A',
    'repository=a*',
    'last=1',
    'since=1&since=2',
  ])('refuses ?%s', async (query) => {
    expect(await failure('GET', `/events?${query}`)).toMatch(/^400 REQUEST_INVALID/)
  })
})

describe('a reader', () => {
  it('sees the events of what it may pull; administrators see all', async () => {
    const names = ['hidden/app', 'team/app', 'team/own', 'team/blind', 'team/app/more', 'open']
    await record(...names.map((name) => anEvent(name)))
    expect((await read()).repositories).toEqual(names)
    expect((await read('', EVE)).repositories).toEqual(['team/app', 'team/own', 'open'])
    expect(await read('', NOBODY)).toMatchObject({ events: [], place: 6 })
    expect(await failure('GET', '/events', { as: null })).toMatch(/^401/)
    const open = { ...environment, OPEN_ACCESS: 'true' }
    const everybody = await call<Feed>('GET', '/events', { as: null, environment: open })
    expect(everybody.body.events).toHaveLength(names.length)
  })

  it('with a token sees the events of what the token may pull', async () => {
    await record(anEvent('team/app'), anEvent('open'))
    const grants = [{ pattern: 'open', actions: ['pull'] }]
    const body = { name: 'narrow', grants }
    const { secret } = (await call<{ secret: string }>('POST', '/tokens', { as: EVE, body })).body
    const { repositories } = await read('', { user: 'eve', password: secret })
    expect(repositories).toEqual(['open'])
  })

  it('does not see the source of a mounted blob unless it may pull from it', async () => {
    const mount = (fromRepository: string) => anEvent('team/app', 'mount', { fromRepository })
    await record(mount('hidden/app'), mount('open'))
    const froms = async (as?: Credentials) =>
      (await read('', as)).events
        .map(({ target }) => ({ ...target }))
        .map((target) => ('fromRepository' in target ? target.fromRepository : null))
    expect(await froms(EVE)).toEqual([null, 'open'])
    expect(await froms()).toEqual(['hidden/app', 'open'])
    expect(JSON.stringify(await read('', EVE))).not.toContain('hidden')
  })

  it('sees the actor and address only as an admin of the repository', async () => {
    await record(anEvent('team/app'), anEvent('team/own'))
    const [pulled, own] = (await read('', EVE)).events
    expect(pulled).toMatchObject({
      actor: {},
      request: { id: 'r', host: 'registry.test', method: 'PUT', useragent: '' },
    })
    for (const mark of ['mallory', '203.0.113.7', CLIENT]) {
      expect(JSON.stringify(pulled)).not.toContain(mark)
      expect(JSON.stringify(own)).toContain(mark)
    }
  })

  it('of few events skips many hidden ones in one request, and always advances', async () => {
    await recordMany(2500, 'hidden/app')
    await record(anEvent('team/app'))
    const first = await read('', EVE)
    expect(first).toMatchObject({ events: [], place: 1000, link: `?n=100&since=${first.next}` })
    const second = await read(first.link ?? '', EVE)
    expect(second).toMatchObject({ events: [], place: 2000 })
    const third = await read(second.link ?? '', EVE)
    expect(third).toMatchObject({ repositories: ['team/app'], place: 2501, link: null })
  })

  it('advances equally with any filter, so that no filter reveals hidden events', async () => {
    await recordMany(1500, 'hidden/app', 'delete')
    await record(anEvent('team/app'))
    const cursors = async () => {
      const queries = [
        '',
        '?action=push',
        '?action=delete',
        '?repository=hidden/app',
        '?repository=hidden/*&action=delete',
        '?repository=absent/app',
        '?n=1',
      ]
      return Promise.all(
        queries.map(async (query) => {
          const { events, place } = await read(query, NOBODY)
          return [events.length, place]
        }),
      )
    }
    const seen = await cursors()
    expect(seen).toEqual(seen.map(() => [0, 1000]))
    await db.prepare(`UPDATE events SET action = 'push', repository = 'hidden/other'`).run()
    expect(await cursors()).toEqual(seen)
  })

  it('cannot tell from the cursor how many events others have, or whether there are any', async () => {
    const cursors: string[] = []
    for (const hidden of [0, 0, 1, 300]) {
      if (hidden > 0) await recordMany(hidden, `hidden/app-${cursors.length}`)
      const { next } = await read(cursors.length > 0 ? `?since=${cursors.at(-1)}` : '', NOBODY)
      cursors.push(next)
    }
    expect(new Set(cursors).size).toBe(cursors.length)
    expect(new Set(cursors.map(({ length }) => length)).size).toBe(1)
    expect(cursors.every((cursor) => /^[A-Za-z0-9_-]{48}$/.test(cursor))).toBe(true)
    const places = await Promise.all(cursors.map((cursor) => openCursor(db, cursor)))
    expect(places).toEqual([0, 0, 1, 301])
  })

  it('cannot change a cursor', async () => {
    const cursor = await sealCursor(db, 7)
    const last = cursor.endsWith('A') ? 'Q' : 'A'
    for (const changed of [cursor.slice(0, -1) + last, cursor.slice(4), `${cursor}AAAA`]) {
      expect(await failure('GET', `/events?since=${changed}`)).toMatch(
        /^400 REQUEST_INVALID: since/,
      )
    }
  })
})
