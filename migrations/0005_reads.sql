-- The referrers of one type, in the order of their digests. The index keeps this list fast for a subject with many referrers of
-- other types: an image may have a hundred thousand signatures and few bills of materials.
CREATE INDEX manifests_by_subject_and_type ON manifests (repository_id, subject_digest, artifact_type, digest)
  WHERE subject_digest IS NOT NULL;
