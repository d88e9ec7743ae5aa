-- What operators have decided about usage that is not there: written once, and kept for good.
CREATE TABLE decisions (
    decision_id INTEGER PRIMARY KEY,
    cell_id TEXT NOT NULL,
    -- Log incarnation, 16 bytes.
    incarnation BLOB NOT NULL,
    -- 1 retired, 2 lost, 3 rows skipped.
    kind INTEGER NOT NULL,
    -- Of skipped rows; 0 for others.
    shard INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq INTEGER NOT NULL,
    -- The first hour that it is about.
    hour_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at_ms INTEGER NOT NULL,
    UNIQUE (cell_id, incarnation, kind, shard, from_seq)
) STRICT;

CREATE TRIGGER decisions_never_change BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions never change'); END;
CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions never change'); END;

-- Log rows that were given up.
ALTER TABLE shards ADD COLUMN skipped_rows INTEGER NOT NULL DEFAULT 0;
