-- Whose history begins on the branch of another run. A branch has the name of the run that began it: its segments are
-- the rows of history with that run id, which stay as far as somebody refers to them when the run is deleted.
CREATE TABLE branch_reference (
    shard            INTEGER NOT NULL,
    kind             INTEGER NOT NULL,
    namespace_id     BLOB NOT NULL,
    id               BLOB NOT NULL,
    -- Run ids: of the branch, and of the run that refers to it.
    branch           BLOB NOT NULL,
    by_run           BLOB NOT NULL,
    -- The last event that they share.
    through_event_id INTEGER NOT NULL,
    PRIMARY KEY (shard, kind, namespace_id, id, branch, by_run)
) STRICT, WITHOUT ROWID;

CREATE INDEX branch_reference_by ON branch_reference (shard, kind, namespace_id, id, by_run);
