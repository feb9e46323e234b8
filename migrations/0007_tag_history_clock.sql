-- The end of a tag is timed by the clock that times its values: that of the Worker. A change writes its event first, so the newest
-- event in the batch of a delete is that of the delete. A tag never ends before it was set. The clock of the database is left
-- for whoever deletes by hand before there is any event.
DROP TRIGGER tags_deleted;
CREATE TRIGGER tags_deleted AFTER DELETE ON tags BEGIN INSERT INTO tag_history (repository_id, name, digest, changed_at) VALUES (old.repository_id, old.name, NULL, max(old.updated_at, ifnull((SELECT at FROM events ORDER BY seq DESC LIMIT 1), CAST(unixepoch('subsec') * 1000 AS INTEGER)))); END;
