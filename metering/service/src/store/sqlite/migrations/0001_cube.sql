-- What a cell's hours must contain, as the cell said when its log began.
CREATE TABLE manifests (
    cell_id TEXT NOT NULL,
    -- Log incarnation, 16 bytes.
    incarnation BLOB NOT NULL,
    shard_count INTEGER NOT NULL,
    first_hour_ms INTEGER NOT NULL,
    region TEXT NOT NULL,
    PRIMARY KEY (cell_id, incarnation)
) STRICT;

-- How far each shard's log has been taken in.
CREATE TABLE shards (
    shard_id INTEGER PRIMARY KEY,
    cell_id TEXT NOT NULL,
    incarnation BLOB NOT NULL,
    shard INTEGER NOT NULL,
    -- Log rows before this one are in.
    watermark INTEGER NOT NULL,
    -- End of the last sealed hour; null before the first seal.
    sealed_until_ms INTEGER,
    -- Shard time up to which objects have spoken.
    written_at_ms INTEGER NOT NULL,
    UNIQUE (cell_id, incarnation, shard)
) STRICT;

-- Who a shard's namespaces belong to, as the shard's objects last said.
CREATE TABLE owners (
    shard_id INTEGER NOT NULL REFERENCES shards (shard_id),
    namespace_id BLOB NOT NULL,
    namespace TEXT NOT NULL,
    account_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    -- JSON with sorted keys.
    tags TEXT NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (shard_id, namespace_id)
) STRICT, WITHOUT ROWID;

-- Bytes that stand at the start of the first unsealed hour. Exact integers beyond 64 bits are decimal text.
CREATE TABLE standing (
    shard_id INTEGER NOT NULL REFERENCES shards (shard_id),
    namespace_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    bytes TEXT NOT NULL,
    PRIMARY KEY (shard_id, namespace_id, kind)
) STRICT, WITHOUT ROWID;

-- What changed in unsealed hours: the sum of deltas, and of each delta times the milliseconds to the end of its hour.
CREATE TABLE open_hours (
    shard_id INTEGER NOT NULL REFERENCES shards (shard_id),
    hour_ms INTEGER NOT NULL,
    namespace_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    bytes TEXT NOT NULL,
    moment TEXT NOT NULL,
    PRIMARY KEY (shard_id, hour_ms, namespace_id, kind)
) STRICT, WITHOUT ROWID;

-- The hourly cube: actions as they come, storage as hours are sealed. Operators read in the order of the primary key.
CREATE TABLE cube (
    hour_ms INTEGER NOT NULL,
    namespace TEXT NOT NULL,
    namespace_id BLOB NOT NULL,
    -- 1 actions, 2 active storage, 3 retained storage.
    kind INTEGER NOT NULL,
    action_type TEXT NOT NULL,
    project_id TEXT NOT NULL,
    tags TEXT NOT NULL,
    cell_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    -- Actions, or byte-milliseconds.
    quantity TEXT NOT NULL,
    PRIMARY KEY (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id)
) STRICT, WITHOUT ROWID;

-- Accounts read their own rows in the same order.
CREATE INDEX cube_by_account ON cube
    (account_id, hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id);

-- One row: rises with every object that is taken in.
CREATE TABLE cube_version (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO cube_version VALUES (1, 0);
