PRAGMA application_id = 0x41744d65;
PRAGMA user_version = 1;

CREATE TABLE cells (
    cell_id TEXT NOT NULL,
    incarnation BLOB NOT NULL,
    shard_count INTEGER NOT NULL,
    first_hour_ms INTEGER NOT NULL,
    PRIMARY KEY (cell_id, incarnation)
) STRICT, WITHOUT ROWID;

-- How far each shard's usage has been taken.
CREATE TABLE shards (
    cell_id TEXT NOT NULL,
    incarnation BLOB NOT NULL,
    shard INTEGER NOT NULL,
    watermark INTEGER NOT NULL,
    written_at_ms INTEGER NOT NULL,
    sealed_until_ms INTEGER NOT NULL,
    PRIMARY KEY (cell_id, incarnation, shard)
) STRICT, WITHOUT ROWID;

-- Bytes that stand, with who they belong to now.
CREATE TABLE standing (
    cell_id TEXT NOT NULL,
    incarnation BLOB NOT NULL,
    shard INTEGER NOT NULL,
    namespace_id BLOB NOT NULL,
    class TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    through_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    PRIMARY KEY (cell_id, incarnation, shard, namespace_id, class)
) STRICT, WITHOUT ROWID;

-- Hours: quantities are decimal integers, since byte-milliseconds outgrow 64 bits.
CREATE TABLE cube (
    hour_ms INTEGER NOT NULL,
    cell_id TEXT NOT NULL,
    namespace_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    action_type TEXT NOT NULL,
    who TEXT NOT NULL,
    account_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    quantity TEXT NOT NULL,
    PRIMARY KEY (hour_ms, cell_id, namespace_id, kind, action_type, who)
) STRICT, WITHOUT ROWID;

CREATE INDEX cube_by_account ON cube (account_id, hour_ms);

CREATE TABLE version (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL) STRICT;
INSERT INTO version VALUES (1, 0);
