-- Names, and all else that others choose, are bytes: PostgreSQL's text holds no NUL, and bytes have one order. The
-- columns are called as in SQLite, and all integers have 64 bits, as there.

-- What a cell's hours must contain, as the cell said when its log began.
CREATE TABLE manifests (
    cell_id       bytea NOT NULL,
    -- Log incarnation.
    incarnation   uuid NOT NULL,
    shard_count   int8 NOT NULL,
    first_hour_ms int8 NOT NULL,
    region        bytea NOT NULL,
    PRIMARY KEY (cell_id, incarnation)
);

-- How far each shard's log has been taken in. Who takes an object in locks the row first. Few rows that change often:
-- there is room for their next versions beside them.
CREATE TABLE shards (
    shard_id        int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cell_id         bytea NOT NULL,
    incarnation     uuid NOT NULL,
    shard           int8 NOT NULL,
    -- Log rows before this one are in.
    watermark       int8 NOT NULL,
    -- End of the last sealed hour; null before the first seal.
    sealed_until_ms int8,
    -- Shard time up to which objects have spoken.
    written_at_ms   int8 NOT NULL,
    -- Objects that were taken in. Their sum is the version of the cube.
    objects         int8 NOT NULL,
    UNIQUE (cell_id, incarnation, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Who a shard's namespaces belong to, as the shard's objects last said.
CREATE TABLE owners (
    shard_id     int8 NOT NULL REFERENCES shards (shard_id),
    namespace_id uuid NOT NULL,
    namespace    bytea NOT NULL,
    account_id   bytea NOT NULL,
    project_id   bytea NOT NULL,
    -- JSON with sorted keys.
    tags         bytea NOT NULL,
    generation   int8 NOT NULL,
    PRIMARY KEY (shard_id, namespace_id)
);

-- An account's page reads what is the account's, whatever else shards hold.
CREATE INDEX owners_by_account ON owners (account_id, shard_id);

-- Bytes that stand at the start of the first unsealed hour.
CREATE TABLE standing (
    shard_id     int8 NOT NULL REFERENCES shards (shard_id),
    namespace_id uuid NOT NULL,
    kind         int8 NOT NULL,
    bytes        numeric(39, 0) NOT NULL,
    PRIMARY KEY (shard_id, namespace_id, kind)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);

-- What changed in unsealed hours: the sum of deltas, and of each delta times the milliseconds to the end of its hour.
-- Every row goes with its hour.
CREATE TABLE open_hours (
    shard_id     int8 NOT NULL REFERENCES shards (shard_id),
    hour_ms      int8 NOT NULL,
    namespace_id uuid NOT NULL,
    kind         int8 NOT NULL,
    bytes        numeric(39, 0) NOT NULL,
    moment       numeric(39, 0) NOT NULL,
    PRIMARY KEY (shard_id, namespace_id, kind, hour_ms)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- The hourly cube: actions as they come, storage as hours are sealed. Operators read in the order of the primary key.
-- An entry of an index takes 2,704 bytes at most: the longest names that an object may have leave room for the rest.
CREATE TABLE cube (
    hour_ms      int8 NOT NULL,
    namespace_id uuid NOT NULL,
    -- 1 actions, 2 active storage, 3 retained storage.
    kind         int8 NOT NULL,
    namespace    bytea NOT NULL,
    action_type  bytea NOT NULL,
    project_id   bytea NOT NULL,
    tags         bytea NOT NULL,
    cell_id      bytea NOT NULL,
    account_id   bytea NOT NULL,
    -- Actions, or byte-milliseconds.
    quantity     numeric(39, 0) NOT NULL,
    PRIMARY KEY (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);

-- Accounts read their own rows in the same order.
CREATE INDEX cube_by_account ON cube
    (account_id, hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id);
