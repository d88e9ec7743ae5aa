-- Logs, snapshots, histories, outbox and configuration of one cell.
--
-- Names that others choose are bytes: PostgreSQL's text holds no NUL. What the cell itself names is text, in the order
-- of its bytes. What is encoded is not compressed again.

-- One row, made with the store.
CREATE TABLE identity (
    only_row    int2 PRIMARY KEY CHECK (only_row = 1),
    incarnation uuid NOT NULL,
    shard_count int4 NOT NULL
);

-- The process that uses the database; none before the first one.
CREATE TABLE process (
    only_row  int2 PRIMARY KEY CHECK (only_row = 1),
    process   uuid NOT NULL,
    node      text COLLATE "C" NOT NULL,
    -- By the database's clock.
    beat_at   timestamptz NOT NULL,
    -- Whether it has taken the place of a process that had been there a moment before.
    took_over bool NOT NULL,
    -- Names it to other processes of its machine; none where the machine has no names.
    local_process text COLLATE "C"
) WITH (fillfactor = 25);

-- Few rows that change often: there is room for their next versions beside them.
CREATE TABLE shard (
    shard            int4 PRIMARY KEY,
    epoch            int8 NOT NULL,
    -- Names the acquisition: the number of an epoch comes again where a failover loses an acquisition.
    term             uuid NOT NULL,
    -- Number of the last slice that its owner has written, in this term.
    slice            int8 NOT NULL,
    checkpoint_seq   int8 NOT NULL,
    checkpoint_state bytea NOT NULL
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Every row comes and goes once. Up to a page it stands in one piece. The file keeps its length: cutting off its end
-- would take a lock that all appends wait for, here and on standbys.
CREATE TABLE log (
    shard     int4 NOT NULL,
    seq       int8 NOT NULL,
    epoch     int8 NOT NULL,
    ownership bool NOT NULL,
    batch_id  uuid NOT NULL,
    data      bytea NOT NULL,
    PRIMARY KEY (shard, seq)
) WITH (toast_tuple_target = 8160, vacuum_truncate = false, toast.vacuum_truncate = false,
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, toast.autovacuum_vacuum_scale_factor = 0,
        toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_cost_delay = 0);

CREATE TABLE entity (
    shard          int4 NOT NULL,
    kind           int2 NOT NULL,
    closed         bool NOT NULL,
    namespace_id   uuid NOT NULL,
    run_id         uuid NOT NULL,
    position_seq   int8 NOT NULL,
    position_index int8 NOT NULL,
    wake_at_ms     int8,
    delete_at_ms   int8,
    billed_bytes   int8 NOT NULL,
    id             bytea NOT NULL,
    snapshot       bytea NOT NULL,
    PRIMARY KEY (shard, kind, namespace_id, id, run_id)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX entity_wake ON entity (shard, wake_at_ms) WHERE wake_at_ms IS NOT NULL;
CREATE INDEX entity_expiry ON entity (shard, delete_at_ms) WHERE closed AND delete_at_ms IS NOT NULL;

-- Parts of large snapshots; those of an entity go with it.
CREATE TABLE chunk (
    shard        int4 NOT NULL,
    kind         int2 NOT NULL,
    collection   int2 NOT NULL,
    namespace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    bucket       int8 NOT NULL,
    id           bytea NOT NULL,
    data         bytea NOT NULL,
    PRIMARY KEY (shard, kind, namespace_id, id, run_id, collection, bucket)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE history (
    shard          int4 NOT NULL,
    kind           int2 NOT NULL,
    namespace_id   uuid NOT NULL,
    run_id         uuid NOT NULL,
    first_event_id int8 NOT NULL,
    last_event_id  int8 NOT NULL,
    id             bytea NOT NULL,
    events         bytea NOT NULL,
    PRIMARY KEY (shard, kind, namespace_id, id, run_id, first_event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- Tasks that waited for a worker when their entity was last written. A task has one row: writing it elsewhere moves it.
CREATE TABLE waiting (
    shard              int4 NOT NULL,
    kind               int2 NOT NULL,
    task_kind          int2 NOT NULL,
    priority           int2 NOT NULL,
    namespace_id       uuid NOT NULL,
    run_id             uuid NOT NULL,
    scheduled_at_ms    int8 NOT NULL,
    scheduled_event_id int8 NOT NULL,
    stamp              int8 NOT NULL,
    queue              bytea NOT NULL,
    id                 bytea NOT NULL,
    PRIMARY KEY (shard, kind, namespace_id, id, run_id, task_kind, scheduled_event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- In the order of each queue.
CREATE INDEX waiting_place ON waiting (namespace_id, task_kind, queue, priority, scheduled_at_ms, shard, kind, id,
                                       run_id, scheduled_event_id);

CREATE TABLE outbox (
    shard          int4 NOT NULL,
    projection     text COLLATE "C" NOT NULL,
    item_key       bytea NOT NULL,
    position_seq   int8 NOT NULL,
    position_index int8 NOT NULL,
    since_ms       int8 NOT NULL,
    data           bytea NOT NULL,
    PRIMARY KEY (shard, projection, item_key)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE metadata (
    kind    text COLLATE "C" NOT NULL,
    id      bytea NOT NULL,
    version int8 NOT NULL,
    data    bytea NOT NULL,
    PRIMARY KEY (kind, id)
);

ALTER TABLE log ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE entity ALTER COLUMN snapshot SET STORAGE EXTERNAL;
ALTER TABLE chunk ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE history ALTER COLUMN events SET STORAGE EXTERNAL;
ALTER TABLE outbox ALTER COLUMN data SET STORAGE EXTERNAL;
