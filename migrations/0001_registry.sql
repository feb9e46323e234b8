-- What the registry knows. R2 holds bytes under keys that are never re-used; every fact about them stands here, and the schema
-- itself keeps the invariants: what a manifest refers to cannot be removed under it (ON DELETE RESTRICT), and the history of
-- a tag is written by triggers, so that no statement can forget it. Times are milliseconds since the epoch.

CREATE TABLE repositories (
  id         INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
);

-- One row a stored object, shared by all repositories.
CREATE TABLE blobs (
  digest      TEXT    NOT NULL PRIMARY KEY,
  size        INTEGER NOT NULL CHECK (size >= 0),
  storage_key TEXT    NOT NULL UNIQUE,
  created_at  INTEGER NOT NULL
) WITHOUT ROWID;

-- What a repository may serve: a blob without a link here does not exist for its readers.
CREATE TABLE repository_blobs (
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  digest        TEXT    NOT NULL REFERENCES blobs (digest) ON DELETE RESTRICT,
  linked_at     INTEGER NOT NULL,
  PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;
CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest);

-- A manifest's bytes are `payload` (text: a manifest is valid UTF-8, so nothing is lost) up to 64 KiB, else the R2 object
-- `storage_key`. `annotations` is kept for manifests with a subject: the referrers list shows it.
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

-- What a manifest refers to. The references hold the referred: config and layers, and the manifests of an index.
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

-- Every value that a tag ever had, in order; `digest` is null where the tag was deleted.
CREATE TABLE tag_history (
  id            INTEGER PRIMARY KEY,
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  name          TEXT    NOT NULL,
  digest        TEXT,
  changed_at    INTEGER NOT NULL
);
CREATE INDEX tag_history_by_tag ON tag_history (repository_id, name, id);

CREATE TRIGGER tags_inserted AFTER INSERT ON tags BEGIN
  INSERT INTO tag_history (repository_id, name, digest, changed_at)
  VALUES (new.repository_id, new.name, new.digest, new.updated_at);
END;
CREATE TRIGGER tags_moved AFTER UPDATE OF digest ON tags WHEN new.digest <> old.digest BEGIN
  INSERT INTO tag_history (repository_id, name, digest, changed_at)
  VALUES (new.repository_id, new.name, new.digest, new.updated_at);
END;
CREATE TRIGGER tags_deleted AFTER DELETE ON tags BEGIN
  INSERT INTO tag_history (repository_id, name, digest, changed_at)
  VALUES (old.repository_id, old.name, NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;

-- R2 objects that no row names any more, and when their bytes may go.
CREATE TABLE tombstones (
  storage_key  TEXT    NOT NULL PRIMARY KEY,
  delete_after INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tombstones_by_time ON tombstones (delete_after);

-- Keys that the registry makes for itself on first use: `uploads` signs upload ids.
CREATE TABLE signing_keys (
  name       TEXT    NOT NULL PRIMARY KEY,
  key        TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
