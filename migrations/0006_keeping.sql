-- Whose bytes are whose, and how they go. Storage keys begin with the id of the registry, so that no other database on the
-- same bucket takes them for garbage. Times are milliseconds since the epoch.

-- One row. The epoch is counted up by each orphan sweep and copied to the bucket with the random mark of that run. A bucket that
-- is ahead of it says that this database was restored from an older state, or that a copy of it runs elsewhere.
CREATE TABLE registry (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  id         TEXT    NOT NULL,
  since      INTEGER NOT NULL,
  epoch      INTEGER NOT NULL,
  epoch_mark TEXT    NOT NULL
);
INSERT INTO registry SELECT 1, lower(hex(randomblob(8))), CAST(unixepoch('subsec') * 1000 AS INTEGER), 0, '';

-- One row: how far the orphan sweep is. It does the looks of one date after the other. Of the day that it looks at now it has seen
-- so many objects, and so many of them were orphans. It has stopped where that were too many, unless that day is allowed.
CREATE TABLE orphan_sweep (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  run_date    TEXT    NOT NULL,
  look        INTEGER NOT NULL,
  last_key    TEXT    NOT NULL,
  seen        INTEGER NOT NULL,
  orphans     INTEGER NOT NULL,
  stopped_at  INTEGER,
  allowed_day TEXT
);
INSERT INTO orphan_sweep SELECT 1, date('now'), 0, '', 0, 0, NULL, NULL;

-- A claimed tombstone is final: its bytes may be gone at any moment. The row stays for a while after they were removed, so that no
-- request that still carries the key can bring it back.
ALTER TABLE tombstones ADD COLUMN claimed_at INTEGER;
ALTER TABLE tombstones ADD COLUMN removed_at INTEGER;
CREATE INDEX tombstones_waiting ON tombstones (delete_after, removed_at) WHERE removed_at IS NULL;
CREATE INDEX tombstones_removed ON tombstones (removed_at) WHERE removed_at IS NOT NULL;
