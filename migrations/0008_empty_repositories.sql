-- Empty repositories are removed automatically. Times are milliseconds since the epoch.

-- When to check whether a repository is empty. A repository gets a row when its last manifest or its last blob is deleted. (A new
-- repository is created together with its first one.) The hourly job checks the repository and deletes the row.
CREATE TABLE repository_reviews (
  repository_id INTEGER PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
  due_at        INTEGER NOT NULL
);
CREATE INDEX repository_reviews_by_time ON repository_reviews (due_at);

INSERT INTO repository_reviews
SELECT id, CAST(unixepoch('subsec') * 1000 AS INTEGER) + 86400000 FROM repositories
WHERE NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.repository_id = repositories.id)
  AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE repository_blobs.repository_id = repositories.id);

CREATE TRIGGER manifests_gone AFTER DELETE ON manifests WHEN NOT EXISTS (SELECT 1 FROM manifests WHERE repository_id = old.repository_id) BEGIN INSERT INTO repository_reviews (repository_id, due_at) VALUES (old.repository_id, CAST(unixepoch('subsec') * 1000 AS INTEGER) + 86400000) ON CONFLICT (repository_id) DO UPDATE SET due_at = excluded.due_at; END;
CREATE TRIGGER repository_blobs_gone AFTER DELETE ON repository_blobs WHEN NOT EXISTS (SELECT 1 FROM repository_blobs WHERE repository_id = old.repository_id) BEGIN INSERT INTO repository_reviews (repository_id, due_at) VALUES (old.repository_id, CAST(unixepoch('subsec') * 1000 AS INTEGER) + 86400000) ON CONFLICT (repository_id) DO UPDATE SET due_at = excluded.due_at; END;
