/** The manifests of a repository, tagged or not. */
import * as v from 'valibot'
import { integer, time } from '../../lib/schemas.ts'
import { isDigest } from '../../oci/digest.ts'
import { listManifests, TAGS_LISTED } from '../../store/registry/list-manifests.ts'
import { operation } from './operation.ts'
import { page } from './pages.ts'
import { formatTime, named, pageSize, repositoryName } from './schemas.ts'

const digest = v.pipe(v.string(), v.check(isDigest, 'not a digest'))

const manifest = named(
  'Manifest',
  v.object({
    digest,
    mediaType: v.string(),
    artifactType: v.nullable(v.string()),
    size: v.pipe(integer, v.description('Bytes')),
    subject: v.pipe(v.nullable(digest), v.description('The digest of its subject')),
    pushedAt: v.pipe(time, v.description('When it was last pushed')),
    tags: v.pipe(v.array(v.string()), v.description(`Up to ${TAGS_LISTED}`)),
  }),
)

export const manifests = [
  operation({
    id: 'listManifests',
    method: 'get',
    path: '/repositories/{repository}/manifests',
    summary: 'List the manifests of a repository by digest, including untagged ones',
    description:
      'For callers who may pull from it. `last` is the last digest of the previous page.',
    access: 'repository-pull',
    request: v.object({
      params: v.strictObject({ repository: repositoryName }),
      query: v.strictObject({ n: pageSize, last: v.optional(digest) }),
    }),
    status: 200,
    answer: v.object({ manifests: v.array(manifest) }),
    async handle({ params: { repository }, query: { n, last = '' } }, c) {
      const found = await page(
        c,
        n,
        (limit) => listManifests(c.var.db, repository, last, limit),
        (one) => ({ last: one.digest }),
      )
      return {
        manifests: found.map(({ pushedAt, ...one }) => ({
          ...one,
          pushedAt: formatTime(pushedAt),
        })),
      }
    },
  }),
]
