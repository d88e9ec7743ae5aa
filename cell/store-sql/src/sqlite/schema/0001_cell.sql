-- Logs, snapshots, histories, outbox and configuration of one cell.

-- One row, made with the store.
CREATE TABLE identity (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    incarnation BLOB NOT NULL,
    shard_count INTEGER NOT NULL
) STRICT;

CREATE TABLE shard (
    shard            INTEGER PRIMARY KEY,
    epoch            INTEGER NOT NULL,
    checkpoint_seq   INTEGER NOT NULL,
    checkpoint_state BLOB NOT NULL
) STRICT;

-- Rows stand in the order of their arrival, all shards together: a commit fills the last pages.
CREATE TABLE log (
    row_id    INTEGER PRIMARY KEY,
    position  INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    ownership INTEGER NOT NULL,
    batch_id  BLOB NOT NULL,
    data      BLOB NOT NULL
) STRICT;

-- position = shard * 2^44 + seq.
CREATE UNIQUE INDEX log_position ON log (position);

-- Refuses what no correct owner writes: a position up to the checkpoint (it may have been trimmed),
-- a gap behind the log's end, an unknown shard. Refused rows are looked at one by one.
CREATE TRIGGER log_follows BEFORE INSERT ON log
WHEN NOT coalesce(
    (SELECT CASE (NEW.position & 17592186044415) - checkpoint_seq
            WHEN 1 THEN 1
            ELSE (NEW.position & 17592186044415) > checkpoint_seq
                 AND EXISTS (SELECT 1 FROM log WHERE position = NEW.position - 1)
            END
     FROM shard WHERE shard = NEW.position >> 44), 0)
BEGIN
    SELECT raise(ABORT, 'the row does not follow the log');
END;

CREATE TABLE entity (
    row_id         INTEGER PRIMARY KEY,
    shard          INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    namespace_id   BLOB NOT NULL,
    id             BLOB NOT NULL,
    run_id         BLOB NOT NULL,
    position_seq   INTEGER NOT NULL,
    position_index INTEGER NOT NULL,
    wake_at_ms     INTEGER,
    closed         INTEGER NOT NULL,
    delete_at_ms   INTEGER,
    billed_bytes   INTEGER NOT NULL,
    snapshot       BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX entity_key ON entity (shard, kind, namespace_id, id, run_id);
CREATE INDEX entity_wake ON entity (shard, wake_at_ms) WHERE wake_at_ms IS NOT NULL;
CREATE INDEX entity_expiry ON entity (shard, delete_at_ms) WHERE closed AND delete_at_ms IS NOT NULL;

-- Parts of large snapshots; those of an entity go with it.
CREATE TABLE chunk (
    row_id     INTEGER PRIMARY KEY,
    -- Its row_id.
    entity     INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    bucket     INTEGER NOT NULL,
    data       BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX chunk_key ON chunk (entity, collection, bucket);

CREATE TRIGGER entity_deleted AFTER DELETE ON entity
BEGIN
    DELETE FROM chunk WHERE entity = OLD.row_id;
END;

CREATE TABLE history (
    row_id         INTEGER PRIMARY KEY,
    shard          INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    namespace_id   BLOB NOT NULL,
    id             BLOB NOT NULL,
    run_id         BLOB NOT NULL,
    first_event_id INTEGER NOT NULL,
    last_event_id  INTEGER NOT NULL,
    events         BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX history_key ON history (shard, kind, namespace_id, id, run_id, first_event_id);

-- Tasks that waited for a worker when their run was last written, in the order of each queue.
CREATE TABLE waiting (
    namespace_id       BLOB NOT NULL,
    task_kind          INTEGER NOT NULL,
    queue              BLOB NOT NULL,
    priority           INTEGER NOT NULL,
    scheduled_at_ms    INTEGER NOT NULL,
    shard              INTEGER NOT NULL,
    id                 BLOB NOT NULL,
    run_id             BLOB NOT NULL,
    scheduled_event_id INTEGER NOT NULL,
    stamp              INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, task_kind, queue, priority, scheduled_at_ms, shard, id, run_id, scheduled_event_id)
) STRICT, WITHOUT ROWID;

-- A task of a run has one row: writing it elsewhere replaces that.
CREATE UNIQUE INDEX waiting_task ON waiting (shard, namespace_id, id, run_id, task_kind, scheduled_event_id);

CREATE TABLE outbox (
    shard          INTEGER NOT NULL,
    projection     TEXT NOT NULL,
    item_key       BLOB NOT NULL,
    position_seq   INTEGER NOT NULL,
    position_index INTEGER NOT NULL,
    since_ms       INTEGER NOT NULL,
    data           BLOB NOT NULL,
    PRIMARY KEY (shard, projection, item_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE metadata (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    data    BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
