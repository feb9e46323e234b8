-- The figures of /metrics, at a cost that does not grow with the registry: totals that triggers update, so no statement can forget
-- them, and the last run of each sweep. Times are milliseconds since the epoch.

-- One row. Bytes are counted as pushed: a blob in several repositories counts once, a manifest counts in each repository.
CREATE TABLE totals (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  repositories   INTEGER NOT NULL,
  manifests      INTEGER NOT NULL,
  manifest_bytes INTEGER NOT NULL,
  tags           INTEGER NOT NULL,
  blobs          INTEGER NOT NULL,
  blob_bytes     INTEGER NOT NULL
);
INSERT INTO totals
SELECT 1, (SELECT count(*) FROM repositories),
  (SELECT count(*) FROM manifests), (SELECT ifnull(sum(size), 0) FROM manifests),
  (SELECT count(*) FROM tags),
  (SELECT count(*) FROM blobs), (SELECT ifnull(sum(size), 0) FROM blobs);

-- The size of a digest never changes. An upsert that finds its row fires none of these triggers.
CREATE TRIGGER repositories_added AFTER INSERT ON repositories BEGIN UPDATE totals SET repositories = repositories + 1; END;
CREATE TRIGGER repositories_removed AFTER DELETE ON repositories BEGIN UPDATE totals SET repositories = repositories - 1; END;
CREATE TRIGGER manifests_added AFTER INSERT ON manifests BEGIN UPDATE totals SET manifests = manifests + 1, manifest_bytes = manifest_bytes + new.size; END;
CREATE TRIGGER manifests_removed AFTER DELETE ON manifests BEGIN UPDATE totals SET manifests = manifests - 1, manifest_bytes = manifest_bytes - old.size; END;
CREATE TRIGGER tags_added AFTER INSERT ON tags BEGIN UPDATE totals SET tags = tags + 1; END;
CREATE TRIGGER tags_removed AFTER DELETE ON tags BEGIN UPDATE totals SET tags = tags - 1; END;
CREATE TRIGGER blobs_added AFTER INSERT ON blobs BEGIN UPDATE totals SET blobs = blobs + 1, blob_bytes = blob_bytes + new.size; END;
CREATE TRIGGER blobs_removed AFTER DELETE ON blobs BEGIN UPDATE totals SET blobs = blobs - 1, blob_bytes = blob_bytes - old.size; END;

-- The last completed run of each sweep, and its number of processed items.
CREATE TABLE sweeps (
  name     TEXT    NOT NULL PRIMARY KEY,
  ended_at INTEGER NOT NULL,
  done     INTEGER NOT NULL
) WITHOUT ROWID;
