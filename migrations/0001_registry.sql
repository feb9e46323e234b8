-- The state of the registry. R2 holds the bytes, under keys that are never used twice. Every fact about them is in these tables.
-- The schema keeps the invariants: a row that a manifest refers to cannot be removed (ON DELETE RESTRICT), and triggers write
-- the history of a tag, so no statement can forget it. Times are milliseconds since the epoch.
-- The platform splits these files into statements by its own rules. test/node/migrations.test.ts checks for the safe shape.

CREATE TABLE repositories (
  id         INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
);

-- One row for each stored object. All repositories share it.
CREATE TABLE blobs (
  digest      TEXT    NOT NULL PRIMARY KEY,
  size        INTEGER NOT NULL CHECK (size >= 0),
  storage_key TEXT    NOT NULL UNIQUE,
  created_at  INTEGER NOT NULL
) WITHOUT ROWID;

-- The blobs that a repository serves. A blob without a link here does not exist for the readers of the repository.
CREATE TABLE repository_blobs (
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  digest        TEXT    NOT NULL REFERENCES blobs (digest) ON DELETE RESTRICT,
  linked_at     INTEGER NOT NULL,
  PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;
CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest);

-- The bytes of a manifest are in payload up to 64 KiB (as text, because a manifest is valid UTF-8), and above that in the R2
-- object storage_key. The column annotations is set for manifests with a subject, because the referrers list shows it.
CREATE TABLE manifests (
  id             INTEGER PRIMARY KEY,
  repository_id  INTEGER NOT NULL REFERENCES repositories (id),
  digest         TEXT    NOT NULL,
  media_type     TEXT    NOT NULL,
  artifact_type  TEXT,
  subject_digest TEXT,
  annotations    TEXT,
  size           INTEGER NOT NULL CHECK (size >= 0),
  payload        TEXT,
  storage_key    TEXT    UNIQUE,
  created_at     INTEGER NOT NULL,
  pushed_at      INTEGER NOT NULL,
  UNIQUE (repository_id, digest),
  CHECK ((payload IS NULL) <> (storage_key IS NULL))
);
CREATE INDEX manifests_by_subject ON manifests (repository_id, subject_digest, digest)
  WHERE subject_digest IS NOT NULL;

-- The references of a manifest: config and layers in manifest_blobs, the manifests of an index in manifest_children. They protect
-- their targets from deletion.
CREATE TABLE manifest_blobs (
  repository_id   INTEGER NOT NULL,
  manifest_digest TEXT    NOT NULL,
  blob_digest     TEXT    NOT NULL,
  PRIMARY KEY (repository_id, manifest_digest, blob_digest),
  FOREIGN KEY (repository_id, manifest_digest)
    REFERENCES manifests (repository_id, digest) ON DELETE CASCADE,
  FOREIGN KEY (repository_id, blob_digest)
    REFERENCES repository_blobs (repository_id, digest) ON DELETE RESTRICT
) WITHOUT ROWID;
CREATE INDEX manifest_blobs_by_blob ON manifest_blobs (repository_id, blob_digest);

CREATE TABLE manifest_children (
  repository_id   INTEGER NOT NULL,
  manifest_digest TEXT    NOT NULL,
  child_digest    TEXT    NOT NULL,
  PRIMARY KEY (repository_id, manifest_digest, child_digest),
  FOREIGN KEY (repository_id, manifest_digest)
    REFERENCES manifests (repository_id, digest) ON DELETE CASCADE,
  FOREIGN KEY (repository_id, child_digest)
    REFERENCES manifests (repository_id, digest) ON DELETE RESTRICT
) WITHOUT ROWID;
CREATE INDEX manifest_children_by_child ON manifest_children (repository_id, child_digest);

CREATE TABLE tags (
  repository_id INTEGER NOT NULL,
  name          TEXT    NOT NULL,
  digest        TEXT    NOT NULL,
  updated_at    INTEGER NOT NULL,
  PRIMARY KEY (repository_id, name),
  FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX tags_by_digest ON tags (repository_id, digest);

-- Every value that a tag ever had, in order. The digest is null where the tag was deleted.
CREATE TABLE tag_history (
  id            INTEGER PRIMARY KEY,
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  name          TEXT    NOT NULL,
  digest        TEXT,
  changed_at    INTEGER NOT NULL
);
CREATE INDEX tag_history_by_tag ON tag_history (repository_id, name, id);

CREATE TRIGGER tags_inserted AFTER INSERT ON tags BEGIN INSERT INTO tag_history (repository_id, name, digest, changed_at) VALUES (new.repository_id, new.name, new.digest, new.updated_at); END;
CREATE TRIGGER tags_moved AFTER UPDATE OF digest ON tags WHEN new.digest <> old.digest BEGIN INSERT INTO tag_history (repository_id, name, digest, changed_at) VALUES (new.repository_id, new.name, new.digest, new.updated_at); END;
CREATE TRIGGER tags_deleted AFTER DELETE ON tags BEGIN INSERT INTO tag_history (repository_id, name, digest, changed_at) VALUES (old.repository_id, old.name, NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER)); END;

-- R2 objects that no row names any more, and the time from which their bytes may be deleted.
CREATE TABLE tombstones (
  storage_key  TEXT    NOT NULL PRIMARY KEY,
  delete_after INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tombstones_by_time ON tombstones (delete_after);

-- Keys that the registry makes for itself at first use. The key named uploads signs upload ids.
CREATE TABLE signing_keys (
  name       TEXT    NOT NULL PRIMARY KEY,
  key        TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
