-- The ownership and the deletion of bytes. Storage keys begin with the id of the registry, so that another database on the same
-- bucket does not treat them as garbage. Times are milliseconds since the epoch.

-- One row. Each orphan sweep increments the epoch, and copies it to the bucket with the random mark of that run. If the bucket is
-- ahead of the database, the database was restored from an older state, or a copy of it runs elsewhere.
CREATE TABLE registry (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  id         TEXT    NOT NULL,
  since      INTEGER NOT NULL,
  epoch      INTEGER NOT NULL,
  epoch_mark TEXT    NOT NULL
);
INSERT INTO registry SELECT 1, lower(hex(randomblob(8))), CAST(unixepoch('subsec') * 1000 AS INTEGER), 0, '';

-- One row: the position of the orphan sweep. It does the scans of one date after the other. The columns seen and orphans count the
-- objects and the orphans of the day that is scanned now. The sweep stops if there are too many orphans, unless that day is in
-- allowed_day.
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

-- A claimed tombstone is final: its bytes may be deleted at any moment. The row stays for a while after they were removed, so that
-- a request that still has the key cannot use it again.
ALTER TABLE tombstones ADD COLUMN claimed_at INTEGER;
ALTER TABLE tombstones ADD COLUMN removed_at INTEGER;
CREATE INDEX tombstones_waiting ON tombstones (delete_after, removed_at) WHERE removed_at IS NULL;
CREATE INDEX tombstones_removed ON tombstones (removed_at) WHERE removed_at IS NOT NULL;
