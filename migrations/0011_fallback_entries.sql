-- The entries of the indexes that older clients keep under the tags of the referrers tag schema, so that a list of referrers reads
-- no manifest. They are written in the same transaction as the tag, and go with it.

-- Of such a tag, the digest of the index whose entries are kept. Where that is not the digest of the tag, as for tags from before
-- this file, the next list of referrers reads the index and keeps its entries.
ALTER TABLE tags ADD COLUMN entries_of TEXT;

-- The column descriptor is the entry as JSON.
CREATE TABLE fallback_entries (
  repository_id INTEGER NOT NULL,
  tag           TEXT    NOT NULL,
  digest        TEXT    NOT NULL,
  artifact_type TEXT,
  descriptor    TEXT    NOT NULL,
  PRIMARY KEY (repository_id, tag, digest),
  FOREIGN KEY (repository_id, tag) REFERENCES tags (repository_id, name) ON DELETE CASCADE
) WITHOUT ROWID;
