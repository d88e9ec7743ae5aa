-- Logs, snapshots, histories, outbox and configuration of one cell.

CREATE TABLE migration (
    version INTEGER PRIMARY KEY,
    name    TEXT NOT NULL
) STRICT;

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

-- position = shard * 2^44 + seq: one tree, in which a shard's rows stand together and in order.
CREATE TABLE log (
    position  INTEGER PRIMARY KEY,
    epoch     INTEGER NOT NULL,
    ownership INTEGER NOT NULL,
    batch_id  BLOB NOT NULL,
    data      BLOB NOT NULL
) STRICT;

-- Refuses what no correct owner writes: a position below the checkpoint (it may have been trimmed),
-- a gap behind the log's end, an unknown shard. Refused rows are looked at one by one.
CREATE TRIGGER log_follows BEFORE INSERT ON log
WHEN NEW.position <> 1 + coalesce(
    (SELECT max((NEW.position >> 44 << 44) + shard.checkpoint_seq,
                coalesce((SELECT max(position) FROM log
                          WHERE position BETWEEN NEW.position >> 44 << 44 AND (NEW.position >> 44 << 44) + 17592186044415), 0))
     FROM shard WHERE shard.shard = NEW.position >> 44), -1)
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

CREATE TABLE outbox (
    shard      INTEGER NOT NULL,
    projection TEXT NOT NULL,
    item_key   BLOB NOT NULL,
    data       BLOB NOT NULL,
    PRIMARY KEY (shard, projection, item_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE metadata (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    data    BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
