/** Repositories, as far as the caller may pull from them, and their visibility. */
import type { Context } from 'hono'
import * as v from 'valibot'
import { integer, time } from '../../lib/schemas.ts'
import { RegistryError } from '../../oci/errors.ts'
import {
  findRepository,
  publicAmong,
  type RepositoryFacts,
  setVisibility,
} from '../../store/repository-visibility.ts'
import { listVisibleRepositories } from '../../store/visible-repositories.ts'
import type { AppEnv } from '../context.ts'
import { changedBy } from './caller.ts'
import { operation } from './operation.ts'
import { page } from './pages.ts'
import { formatTime, named, pageSize, repositoryName } from './schemas.ts'

const visibility = v.pipe(
  v.picklist(['public', 'private']),
  v.description('Public: everybody may pull. It is what the grants of anonymous make of it'),
)

const listedRepository = named('ListedRepository', v.object({ name: repositoryName, visibility }))

const repository = named(
  'Repository',
  v.object({
    name: repositoryName,
    visibility,
    tags: v.pipe(integer, v.minValue(0), v.description('How many there are')),
    createdAt: time,
  }),
)

const byName = v.strictObject({ repository: repositoryName })

export const repositories = [
  operation({
    id: 'listRepositories',
    method: 'get',
    path: '/repositories',
    summary: 'List the repositories that the caller may pull from, by name',
    access: 'signed-in',
    request: v.object({
      query: v.strictObject({
        q: v.pipe(
          v.optional(v.pipe(v.string(), v.maxLength(255))),
          v.description('What the names have somewhere within them'),
        ),
        n: pageSize,
        last: v.optional(repositoryName),
      }),
    }),
    status: 200,
    answer: v.object({ repositories: v.array(listedRepository) }),
    async handle({ query: { q = '', n, last = '' } }, c) {
      const names = await page(
        c,
        n,
        (limit) =>
          listVisibleRepositories(c.var.db, c.var.caller.visible, { last, limit, contains: q }),
        (name) => ({ last: name }),
      )
      const publicNames = await publicAmong(c.var.db, names)
      return { repositories: names.map((name) => ({ name, visibility: of(publicNames, name) })) }
    },
  }),

  operation({
    id: 'getRepository',
    method: 'get',
    path: '/repositories/{repository}',
    summary: 'Get a repository',
    description: 'Its name stands in the path as it is, with its slashes.',
    access: 'signed-in',
    request: v.object({ params: byName }),
    status: 200,
    answer: repository,
    errors: [404],
    async handle({ params: { repository: name } }, c) {
      return show(c, name, await findPullable(c, name))
    },
  }),

  operation({
    id: 'updateRepository',
    method: 'patch',
    path: '/repositories/{repository}',
    summary: 'Make a repository public or private',
    description:
      'For who has admin on it. Public gives anonymous a grant to pull from this very repository, ' +
      'private takes it; where a pattern makes it public, it cannot become private by itself.',
    access: 'signed-in',
    request: v.object({ params: byName, body: v.strictObject({ visibility }) }),
    status: 200,
    answer: repository,
    errors: [403, 404, 409],
    async handle({ params: { repository: name }, body }, c) {
      const facts = await findPullable(c, name)
      if (!c.var.caller.rights.on(name).has('admin')) {
        throw new RegistryError('DENIED', { message: 'this takes the action admin on it' })
      }
      const patterns = await setVisibility(c.var.db, changedBy(c), name, body.visibility)
      if (patterns.length === 0) return show(c, name, facts)
      throw new RegistryError('CONFLICT', {
        message: `${name} stays public: anonymous may pull from ${patterns.join(', ')}`,
        detail: { patterns },
      })
    },
  }),
]

/** @throws {RegistryError} NAME_UNKNOWN, whether the repository does not exist or the caller may not know that it does */
async function findPullable(c: Context<AppEnv>, name: string): Promise<RepositoryFacts> {
  const mayPull = c.var.caller.rights.on(name).has('pull')
  const facts = mayPull ? await findRepository(c.var.db, name) : null
  if (facts !== null) return facts
  throw new RegistryError('NAME_UNKNOWN', { detail: { name } })
}

async function show(
  c: Context<AppEnv>,
  name: string,
  { tags, createdAt }: RepositoryFacts,
): Promise<v.InferInput<typeof repository>> {
  const publicNames = await publicAmong(c.var.db, [name])
  return { name, visibility: of(publicNames, name), tags, createdAt: formatTime(createdAt) }
}

function of(publicNames: ReadonlySet<string>, name: string): 'public' | 'private' {
  return publicNames.has(name) ? 'public' : 'private'
}
