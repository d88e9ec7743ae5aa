-- Times are milliseconds since 1970. Versions and generations start at 1 and rise by one.

CREATE TABLE accounts (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL
) STRICT;

-- Users and service accounts. `access` is JSON: account role and namespace permissions.
CREATE TABLE principals (
    id               TEXT PRIMARY KEY,
    account_id       TEXT NOT NULL REFERENCES accounts (id),
    kind             TEXT NOT NULL CHECK (kind IN ('user', 'service_account')),
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    access           TEXT NOT NULL,
    resource_version INTEGER NOT NULL,
    created_ms       INTEGER NOT NULL,
    modified_ms      INTEGER,
    UNIQUE (account_id, kind, name)
) STRICT;

CREATE TABLE api_keys (
    id               TEXT PRIMARY KEY,
    account_id       TEXT NOT NULL REFERENCES accounts (id),
    principal_id     TEXT NOT NULL REFERENCES principals (id),
    secret_sha256    BLOB NOT NULL CHECK (length(secret_sha256) = 32),
    display_name     TEXT NOT NULL,
    description      TEXT NOT NULL,
    expires_ms       INTEGER NOT NULL,
    disabled         INTEGER NOT NULL,
    resource_version INTEGER NOT NULL,
    workflow_id      TEXT NOT NULL,
    created_ms       INTEGER NOT NULL,
    modified_ms      INTEGER
) STRICT;
CREATE INDEX api_keys_by_account ON api_keys (account_id, id);

CREATE TABLE regions (
    id       TEXT PRIMARY KEY,
    location TEXT NOT NULL
) STRICT;

-- What was configured, what operators decided (draining) and what was last seen (health).
CREATE TABLE cells (
    id           TEXT PRIMARY KEY,
    region       TEXT NOT NULL REFERENCES regions (id),
    frontend     TEXT NOT NULL,
    admin        TEXT NOT NULL,
    token        TEXT NOT NULL,
    capacity     INTEGER NOT NULL,
    draining     INTEGER NOT NULL DEFAULT 0,
    health       TEXT NOT NULL DEFAULT 'unknown' CHECK (health IN ('unknown', 'healthy', 'dead')),
    problems     TEXT NOT NULL DEFAULT '[]',
    failures     INTEGER NOT NULL DEFAULT 0,
    last_seen_ms INTEGER
) STRICT;

-- A deleted namespace keeps its row: its UUID is never used again and its usage is still to be attributed.
CREATE TABLE namespaces (
    uuid             BLOB PRIMARY KEY CHECK (length(uuid) = 16),
    cloud_id         TEXT NOT NULL,
    account_id       TEXT NOT NULL REFERENCES accounts (id),
    project_id       TEXT NOT NULL,
    region           TEXT NOT NULL REFERENCES regions (id),
    spec             BLOB NOT NULL,
    tags             TEXT NOT NULL,
    state            TEXT NOT NULL,
    resource_version INTEGER NOT NULL,
    generation       INTEGER NOT NULL,
    cell_id          TEXT REFERENCES cells (id),
    routed           INTEGER NOT NULL DEFAULT 0,
    workflow_id      TEXT NOT NULL,
    created_ms       INTEGER NOT NULL,
    modified_ms      INTEGER
) STRICT;
CREATE UNIQUE INDEX namespaces_live ON namespaces (cloud_id) WHERE state <> 'deleted';
CREATE INDEX namespaces_by_account ON namespaces (account_id, cloud_id);
CREATE INDEX namespaces_by_cell ON namespaces (cell_id);

-- Async operations, and the outbox of workflows that are to be started (`started` = 0).
CREATE TABLE operations (
    workflow_id    TEXT PRIMARY KEY,
    account_id     TEXT NOT NULL REFERENCES accounts (id),
    id             TEXT NOT NULL,
    kind           TEXT NOT NULL,
    subject        TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('pending', 'in_progress', 'failed', 'fulfilled')),
    failure_reason TEXT NOT NULL DEFAULT '',
    input_type     TEXT NOT NULL,
    input          BLOB NOT NULL,
    previous_spec  BLOB,
    started        INTEGER NOT NULL DEFAULT 0,
    created_ms     INTEGER NOT NULL,
    finished_ms    INTEGER,
    UNIQUE (account_id, id)
) STRICT;
CREATE INDEX operations_to_start ON operations (created_ms) WHERE started = 0;

CREATE TABLE audit_records (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms      INTEGER NOT NULL,
    account_id   TEXT NOT NULL,
    actor        TEXT NOT NULL,
    key_id       TEXT NOT NULL,
    action       TEXT NOT NULL,
    resource     TEXT NOT NULL,
    operation_id TEXT NOT NULL
) STRICT;
CREATE INDEX audit_records_by_account ON audit_records (account_id, id);

-- `routes`: version of the routing table. `key_set`: generation of the set of API keys.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, value) VALUES ('routes', 1), ('key_set', 1);
