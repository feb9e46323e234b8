-- The time when a tag ends comes from the clock that also times its values: that of the Worker. A change writes its event first, so
-- in the batch of a delete the newest event is that of the delete. A tag never ends before it was set. The clock of the database is
-- used only if there is no event yet, for deletes by hand.
DROP TRIGGER tags_deleted;
CREATE TRIGGER tags_deleted AFTER DELETE ON tags BEGIN INSERT INTO tag_history (repository_id, name, digest, changed_at) VALUES (old.repository_id, old.name, NULL, max(old.updated_at, ifnull((SELECT at FROM events ORDER BY seq DESC LIMIT 1), CAST(unixepoch('subsec') * 1000 AS INTEGER)))); END;
