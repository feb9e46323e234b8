/** The entries of the index under a tag of the referrers tag schema. They are kept beside the tag. */
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

/** A longer entry is kept with its basic fields only. */
const ENTRY_CHARACTERS = 256 * 1024

/** Characters of the entries in one statement. A character takes up to 3 bytes, and a bound value at most 2 MB. */
const BOUND_CHARACTERS = 600_000

/** `digest` is the one that the tag must have, `json` an array. */
type TaggedList = [repository: string, tag: string, digest: Digest, json: string]

const SQL = statements('fallback-entries', {
  drop: sql<TaggedList>(`
    DELETE FROM fallback_entries
    WHERE (repository_id, tag) IN (
        SELECT repositories.id, tags.name FROM repositories
        JOIN tags ON tags.repository_id = repositories.id
        WHERE repositories.name = ?1 AND tags.name = ?2 AND tags.digest = ?3)
      AND digest NOT IN (SELECT value FROM json_each(?4))`),
  // An entry that is there already is not written again: for each new entry clients put the whole list.
  keep: sql<TaggedList>(`
    INSERT INTO fallback_entries (repository_id, tag, digest, artifact_type, descriptor)
    SELECT repositories.id, ?2, entry.value ->> 'digest', entry.value ->> 'artifactType', entry.value
    FROM repositories
    CROSS JOIN tags ON tags.repository_id = repositories.id AND tags.name = ?2 AND tags.digest = ?3
    CROSS JOIN json_each(?4) AS entry
    WHERE repositories.name = ?1
    ON CONFLICT (repository_id, tag, digest) DO UPDATE SET
      artifact_type = excluded.artifact_type, descriptor = excluded.descriptor
      WHERE fallback_entries.descriptor <> excluded.descriptor`),
  note: sql<[repository: string, tag: string, digest: Digest]>(`
    UPDATE tags SET entries_of = ?3
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1)
      AND name = ?2 AND digest = ?3 AND entries_of IS NOT ?3`),
})

/** The statements that keep `entries` for the tag, if the tag has the manifest `digest` then. The last one of equal digests counts. */
export function keepEntries(
  db: Database,
  repository: string,
  tag: string,
  digest: Digest,
  entries: readonly Descriptor[],
): Query<never>[] {
  const digests = JSON.stringify(entries.map((entry) => entry.digest))
  return [
    SQL.drop(db, repository, tag, digest, digests),
    ...asLists(entries).map((list) => SQL.keep(db, repository, tag, digest, list)),
    SQL.note(db, repository, tag, digest),
  ]
}

function asLists(entries: readonly Descriptor[]): string[] {
  const lists: string[] = []
  let list: string[] = []
  let characters = 0
  const close = () => {
    if (list.length > 0) lists.push(`[${list.join()}]`)
    list = []
    characters = 0
  }
  for (const entry of entries) {
    const json = asJson(entry)
    if (characters + json.length > BOUND_CHARACTERS) close()
    list.push(json)
    characters += json.length
  }
  close()
  return lists
}

function asJson(entry: Descriptor): string {
  const json = JSON.stringify(entry)
  if (json.length <= ENTRY_CHARACTERS) return json
  const { mediaType, digest, size, artifactType } = entry
  return JSON.stringify({ mediaType, digest, size, artifactType })
}
