/** Removes a repository with all its content, in steps. */
import { noteMade } from '../../store/access/audit.ts'
import { type Removed, removeRepository as remove } from '../../store/registry/remove-repository.ts'
import { changedBy, type RegistryContext } from '../context.ts'
import { eventOf } from '../events.ts'
import { listTags } from '../manifests/list-tags.ts'
import { askAboutTags } from '../manifests/tag-policy.ts'
import { changeTags } from '../manifests/tags.ts'
import { noteDeleted, repositoryKey } from '../read-nearest.ts'

/** The most steps in one call, each for up to a thousand manifests or blobs. A step is two queries, and the Free plan allows 50. */
const STEPS_AT_MOST = 20

const TAGS_A_PAGE = 1000

/**
 * Each tag, manifest and blob has its own event, which the sweep of the outbox sends. Blobs stay in other repositories that have
 * them.
 * @returns what this call removed, and whether that was all
 */
export async function removeRepository(context: RegistryContext): Promise<Removed> {
  const { databases, repository } = context
  await askAboutAllTags(context)
  await noteMade(databases.control, changedBy(context), {
    action: 'repository.delete',
    target: repository,
    detail: {},
  })
  const makeEvent = () => eventOf(context, 'delete', {})
  const removing = remove(databases.of(repository), repository, STEPS_AT_MOST, makeEvent)
  const [removed] = await Promise.all([
    changeTags(context, removing),
    noteDeleted(context, repositoryKey(context)),
  ])
  return removed
}

/** @throws {RegistryError} DENIED if the policy refuses the delete of one of the tags */
async function askAboutAllTags(context: RegistryContext): Promise<void> {
  if (context.policy === null) return
  for (let last = ''; ; ) {
    const tags = await listTags(context, last, TAGS_A_PAGE)
    await askAboutTags(context, 'delete', tags)
    if (tags.length < TAGS_A_PAGE) return
    last = tags.at(-1) ?? ''
  }
}
