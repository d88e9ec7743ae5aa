-- Whose history begins on the branch of another run. A branch has the name of the run that began it: its segments are
-- the rows of history with that run id, which stay as far as somebody refers to them when the run is deleted.
CREATE TABLE branch_reference (
    shard            int4 NOT NULL,
    kind             int2 NOT NULL,
    namespace_id     uuid NOT NULL,
    -- Run ids: of the branch, and of the run that refers to it.
    branch           uuid NOT NULL,
    by_run           uuid NOT NULL,
    -- The last event that they share.
    through_event_id int8 NOT NULL,
    id               bytea NOT NULL,
    PRIMARY KEY (shard, kind, namespace_id, id, branch, by_run)
) WITH (autovacuum_vacuum_scale_factor = 0.05, vacuum_truncate = false, toast.vacuum_truncate = false);

CREATE INDEX branch_reference_by ON branch_reference (shard, kind, namespace_id, id, by_run);
