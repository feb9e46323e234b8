/** Repositories that the caller may pull from, and their visibility. */
import type { Context } from 'hono'
import * as v from 'valibot'
import { integer, time } from '../../lib/schemas.ts'
import { removeRepository } from '../../registry/repositories/remove-repository.ts'
import { setVisibility } from '../../registry/repositories/repository-visibility.ts'
import { publicAmong, type RepositoryFacts } from '../../store/registry/repository-visibility.ts'
import { listVisibleRepositories } from '../../store/registry/visible-repositories.ts'
import type { AppEnv } from '../middleware/context.ts'
import { registryContext } from '../middleware/registry-context.ts'
import { operation } from './operation.ts'
import { page } from './pages.ts'
import { formatTime, named, pageSize, repositoryName } from './schemas.ts'

const visibility = v.pipe(
  v.picklist(['public', 'private']),
  v.description('Public: everybody may pull. It follows from the grants of anonymous'),
)

const listedRepository = named('ListedRepository', v.object({ name: repositoryName, visibility }))

const repository = named(
  'Repository',
  v.object({
    name: repositoryName,
    visibility,
    tags: v.pipe(integer, v.minValue(0), v.description('The number of tags')),
    createdAt: time,
  }),
)

const removal = named(
  'Removal',
  v.object({
    manifests: v.pipe(integer, v.description('Manifests that this request removed')),
    blobs: v.pipe(integer, v.description('Blobs that this request removed from the repository')),
    complete: v.pipe(
      v.boolean(),
      v.description('False: the repository is not empty yet, send the request again'),
    ),
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
          v.description('Only names that contain this text'),
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
      const publicNames = await publicOf(c, names)
      return { repositories: names.map((name) => ({ name, visibility: of(publicNames, name) })) }
    },
  }),

  operation({
    id: 'getRepository',
    method: 'get',
    path: '/repositories/{repository}',
    summary: 'Get a repository',
    description:
      'The path contains the name as it is, with its slashes. If `manifests` is the last of several segments, the path ' +
      'is the list of manifests of the repository before it, as in `/v2/`. A repository with such a name ' +
      'appears only in the list of repositories.',
    access: 'repository-pull',
    request: v.object({ params: byName }),
    status: 200,
    answer: repository,
    async handle({ params: { repository: name } }, c, facts) {
      return showRepository(c, name, facts)
    },
  }),

  operation({
    id: 'updateRepository',
    method: 'patch',
    path: '/repositories/{repository}',
    summary: 'Make a repository public or private',
    description:
      'For callers with admin on it. Public adds a grant for anonymous to pull from exactly this repository, ' +
      'private removes it. A repository that is public because of a pattern cannot be made private by itself.',
    access: 'repository-admin',
    request: v.object({ params: byName, body: v.strictObject({ visibility }) }),
    status: 200,
    answer: repository,
    errors: [409],
    async handle({ params: { repository: name }, body }, c, facts) {
      await setVisibility(registryContext(c, name), body.visibility)
      return showRepository(c, name, facts)
    },
  }),

  operation({
    id: 'deleteRepository',
    method: 'delete',
    path: '/repositories/{repository}',
    summary: 'Delete a repository with everything in it',
    description:
      'For callers with admin on it. Deletes its tags with their history, its manifests and its blobs in steps. ' +
      'A very large repository needs several requests, until `complete` is true. Each tag, manifest and ' +
      'blob has its event. Other repositories keep blobs that they share. Grants do not change.',
    access: 'repository-delete',
    request: v.object({ params: byName }),
    status: 200,
    answer: removal,
    async handle({ params: { repository: name } }, c) {
      // The request log takes the name from here.
      c.set('repository', name)
      return removeRepository(registryContext(c))
    },
  }),
]

async function showRepository(
  c: Context<AppEnv>,
  name: string,
  { tags, createdAt }: RepositoryFacts,
): Promise<v.InferInput<typeof repository>> {
  const publicNames = await publicOf(c, [name])
  return { name, visibility: of(publicNames, name), tags, createdAt: formatTime(createdAt) }
}

/** In an open registry everybody may pull everything. */
async function publicOf(
  c: Context<AppEnv>,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  return c.var.settings.openAccess ? new Set(names) : publicAmong(c.var.db, names)
}

function of(publicNames: ReadonlySet<string>, name: string): 'public' | 'private' {
  return publicNames.has(name) ? 'public' : 'private'
}
