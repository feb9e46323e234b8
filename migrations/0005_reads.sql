-- The referrers of one type, in the order of digests, however many of other types the subject has: an image that was signed and
-- scanned a hundred thousand times has few bills of materials.
CREATE INDEX manifests_by_subject_and_type ON manifests (repository_id, subject_digest, artifact_type, digest)
  WHERE subject_digest IS NOT NULL;
