-- Visibility records of one cell.
--
-- Names that others choose are bytes: PostgreSQL's text holds no NUL, and bytes have the order that lists promise.

-- A record, or the tombstone of one that was deleted: what comes late meets the row of its name whatever that is, and
-- whoever writes the row waits for another who does.
CREATE TABLE record (
    namespace_id           uuid NOT NULL,
    -- A run's is 0 and its 16 bytes, a singleton's 1, the number of its kind and its id.
    record_id              bytea NOT NULL,
    -- The version of the record, of which there is one at a position.
    position               int8 NOT NULL,
    -- The default order, ascending: bitwise complements of close time (the greatest while open) and start time.
    close_rank             int8 NOT NULL DEFAULT 0,
    start_rank             int8 NOT NULL DEFAULT 0,
    execution_time         int8 NOT NULL DEFAULT 0,
    history_length         int8,
    history_size_bytes     int8,
    state_transition_count int8,
    execution_duration     int8,
    -- Of a tombstone alone, Unix milliseconds.
    deleted_at_ms          int8,
    parent_run_id          uuid,
    root_run_id            uuid,
    status                 bytea NOT NULL DEFAULT '',
    workflow_id            bytea NOT NULL DEFAULT '',
    workflow_type          bytea NOT NULL DEFAULT '',
    task_queue             bytea NOT NULL DEFAULT '',
    parent_workflow_id     bytea,
    root_workflow_id       bytea,
    division               bytea,
    memo                   bytea NOT NULL DEFAULT '',
    -- All search attributes, to be read with the record.
    attributes             bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0);

-- What is encoded is not compressed again.
ALTER TABLE record ALTER COLUMN memo SET STORAGE EXTERNAL;

-- The usual lists, each in the default order by an index: however many others there are, only what is shown is read.
-- Most lists are of the user's workflows, which have no division; few records have one.
CREATE UNIQUE INDEX record_name ON record (namespace_id, record_id);
CREATE INDEX record_order ON record (namespace_id, close_rank, start_rank, record_id) INCLUDE (status)
    WHERE deleted_at_ms IS NULL AND division IS NULL;
CREATE INDEX record_divided ON record (namespace_id, division, close_rank, start_rank, record_id)
    WHERE deleted_at_ms IS NULL AND division IS NOT NULL;
CREATE INDEX record_status ON record (namespace_id, status, close_rank, start_rank, record_id)
    WHERE deleted_at_ms IS NULL AND division IS NULL;
CREATE INDEX record_type ON record (namespace_id, workflow_type, close_rank, start_rank, record_id) INCLUDE (status)
    WHERE deleted_at_ms IS NULL AND division IS NULL;
CREATE INDEX record_start ON record (namespace_id, start_rank) INCLUDE (status)
    WHERE deleted_at_ms IS NULL AND division IS NULL;
CREATE INDEX record_workflow ON record (namespace_id, workflow_id, close_rank, start_rank, record_id)
    WHERE deleted_at_ms IS NULL;
CREATE INDEX record_parent ON record (namespace_id, parent_workflow_id)
    WHERE deleted_at_ms IS NULL AND parent_workflow_id IS NOT NULL;
CREATE INDEX record_root ON record (namespace_id, root_workflow_id)
    WHERE deleted_at_ms IS NULL AND root_workflow_id IS NOT NULL;
CREATE INDEX record_tombstone ON record (deleted_at_ms) WHERE deleted_at_ms IS NOT NULL;

-- What filters compare: a row for each value, member and word, and one without a key for each text.
CREATE TABLE attribute (
    namespace_id uuid NOT NULL,
    -- The version of the record that has it: what belongs to an earlier one is found by nobody.
    position     int8 NOT NULL,
    close_rank   int8 NOT NULL,
    start_rank   int8 NOT NULL,
    -- The number of its type.
    kind         int2 NOT NULL,
    record_id    bytea NOT NULL,
    name         bytea NOT NULL,
    -- The value in bytes that have its order; a long one's beginning and hash, which have not.
    key          bytea,
    -- The whole of a long one.
    value        bytea
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0);

CREATE INDEX attribute_of_record ON attribute (record_id, name);
CREATE INDEX attribute_key ON attribute (namespace_id, name, kind, key, close_rank, start_rank, record_id)
    INCLUDE (position) WHERE key IS NOT NULL;
-- How often a value is there, whatever other attributes have.
CREATE STATISTICS attribute_keys (ndistinct, mcv) ON namespace_id, name, key FROM attribute;
