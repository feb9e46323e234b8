/** Asks the policy about tags that the path of a request does not name. */
import type { RegistryContext } from '../context.ts'
import { type PolicyRequest, requireAllowed } from '../policy.ts'

/** @throws {RegistryError} DENIED if the policy refuses one of the tags */
export async function askAboutTags(
  { policy, repository, by }: RegistryContext,
  action: PolicyRequest['action'],
  tags: readonly string[],
): Promise<void> {
  for (const reference of tags) {
    await requireAllowed(policy, { action, repository, reference, subject: by.subject })
  }
}
