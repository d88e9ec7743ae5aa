-- The watermark when sealed hours were last corrected: what names their usage. 0 where they never were, or nobody
-- knows.
ALTER TABLE shards ADD COLUMN corrected_at INTEGER NOT NULL DEFAULT 0;
