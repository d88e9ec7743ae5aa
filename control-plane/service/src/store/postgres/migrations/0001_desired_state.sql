-- Times are milliseconds since 1970. Versions and generations start at 1 and rise by one. Text is in the order of its
-- bytes, as on SQLite.

-- Rows that transactions lock, in this order: 'accounts' for the list of accounts, then an account's row in `accounts`,
-- then 'cells' for what is decided about cells, then a cell's row, then a counter's.
CREATE TABLE locks (
    name text COLLATE "C" PRIMARY KEY
);
INSERT INTO locks (name) VALUES ('accounts'), ('cells');

-- Which process does what one at a time does, until when by the database's clock.
CREATE TABLE leases (
    task    text COLLATE "C" PRIMARY KEY,
    holder  uuid NOT NULL,
    ends_at timestamptz NOT NULL
) WITH (fillfactor = 25);

CREATE TABLE accounts (
    id         text COLLATE "C" PRIMARY KEY,
    name       text COLLATE "C" NOT NULL UNIQUE,
    created_ms int8 NOT NULL
);

-- Users and service accounts. `access` is JSON: account role and namespace permissions.
CREATE TABLE principals (
    id               text COLLATE "C" PRIMARY KEY,
    account_id       text COLLATE "C" NOT NULL REFERENCES accounts (id),
    kind             text COLLATE "C" NOT NULL CHECK (kind IN ('user', 'service_account')),
    name             text COLLATE "C" NOT NULL,
    description      text COLLATE "C" NOT NULL,
    access           text COLLATE "C" NOT NULL,
    resource_version int8 NOT NULL,
    created_ms       int8 NOT NULL,
    modified_ms      int8,
    UNIQUE (account_id, kind, name)
);
CREATE INDEX principals_by_kind ON principals (account_id, kind, id);

CREATE TABLE api_keys (
    id               text COLLATE "C" PRIMARY KEY,
    account_id       text COLLATE "C" NOT NULL REFERENCES accounts (id),
    principal_id     text COLLATE "C" NOT NULL REFERENCES principals (id),
    secret_sha256    bytea NOT NULL CHECK (length(secret_sha256) = 32),
    display_name     text COLLATE "C" NOT NULL,
    description      text COLLATE "C" NOT NULL,
    expires_ms       int8 NOT NULL,
    disabled         bool NOT NULL,
    resource_version int8 NOT NULL,
    workflow_id      text COLLATE "C" NOT NULL,
    created_ms       int8 NOT NULL,
    modified_ms      int8
);
CREATE INDEX api_keys_by_account ON api_keys (account_id, id);

CREATE TABLE regions (
    id       text COLLATE "C" PRIMARY KEY,
    location text COLLATE "C" NOT NULL
);

-- What was configured, what operators decided (draining) and what was last seen (health).
CREATE TABLE cells (
    id           text COLLATE "C" PRIMARY KEY,
    region       text COLLATE "C" NOT NULL REFERENCES regions (id),
    frontend     text COLLATE "C" NOT NULL,
    admin        text COLLATE "C" NOT NULL,
    token        text COLLATE "C" NOT NULL,
    capacity     int8 NOT NULL,
    draining     bool NOT NULL DEFAULT false,
    health       text COLLATE "C" NOT NULL DEFAULT 'unknown' CHECK (health IN ('unknown', 'healthy', 'dead')),
    problems     text COLLATE "C" NOT NULL DEFAULT '[]',
    failures     int8 NOT NULL DEFAULT 0,
    last_seen_ms int8
) WITH (fillfactor = 25);

-- A deleted namespace keeps its row: its UUID is never used again and its usage is still to be attributed.
CREATE TABLE namespaces (
    uuid             uuid PRIMARY KEY,
    cloud_id         text COLLATE "C" NOT NULL,
    account_id       text COLLATE "C" NOT NULL REFERENCES accounts (id),
    project_id       text COLLATE "C" NOT NULL,
    region           text COLLATE "C" NOT NULL REFERENCES regions (id),
    spec             bytea NOT NULL,
    tags             text COLLATE "C" NOT NULL,
    state            text COLLATE "C" NOT NULL,
    resource_version int8 NOT NULL,
    generation       int8 NOT NULL,
    cell_id          text COLLATE "C" REFERENCES cells (id),
    routed           bool NOT NULL DEFAULT false,
    workflow_id      text COLLATE "C" NOT NULL,
    created_ms       int8 NOT NULL,
    modified_ms      int8
);
CREATE UNIQUE INDEX namespaces_live ON namespaces (cloud_id) WHERE state <> 'deleted';
CREATE INDEX namespaces_by_account ON namespaces (account_id, cloud_id) WHERE state <> 'deleted';
CREATE INDEX namespaces_by_cell ON namespaces (cell_id, cloud_id);
CREATE INDEX namespaces_in_cell ON namespaces (cell_id) WHERE state <> 'deleted';
CREATE INDEX namespaces_routed ON namespaces (cloud_id) WHERE routed;

-- Async operations, and the outbox of workflows that are to be started (not `started`), in the order of `number` where
-- they are of the same time.
CREATE TABLE operations (
    workflow_id    text COLLATE "C" PRIMARY KEY,
    number         int8 GENERATED ALWAYS AS IDENTITY,
    account_id     text COLLATE "C" NOT NULL REFERENCES accounts (id),
    id             text COLLATE "C" NOT NULL,
    kind           text COLLATE "C" NOT NULL,
    subject        text COLLATE "C" NOT NULL,
    state          text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'in_progress', 'failed', 'fulfilled')),
    failure_reason text COLLATE "C" NOT NULL DEFAULT '',
    input_type     text COLLATE "C" NOT NULL,
    input          bytea NOT NULL,
    previous_spec  bytea,
    started        bool NOT NULL DEFAULT false,
    created_ms     int8 NOT NULL,
    finished_ms    int8,
    UNIQUE (account_id, id)
);
CREATE INDEX operations_to_start ON operations (created_ms, number) WHERE NOT started;

CREATE TABLE audit_records (
    id           int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time_ms      int8 NOT NULL,
    account_id   text COLLATE "C" NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    key_id       text COLLATE "C" NOT NULL,
    action       text COLLATE "C" NOT NULL,
    resource     text COLLATE "C" NOT NULL,
    operation_id text COLLATE "C" NOT NULL
);
CREATE INDEX audit_records_by_account ON audit_records (account_id, id);

-- `routes`: version of the routing table. `key_set`: generation of the set of API keys. `wanted`: rises where cells are
-- to be looked at at once.
CREATE TABLE counters (
    name  text COLLATE "C" PRIMARY KEY,
    value int8 NOT NULL
) WITH (fillfactor = 25);
INSERT INTO counters (name, value) VALUES ('routes', 1), ('key_set', 1), ('wanted', 1);

-- What cells hold at a newer generation than this database ever gave out: it was restored from a backup. Nothing is
-- pushed about such a subject until an operator has decided. `subject` is 'key_set', or a namespace's UUID as text.
CREATE TABLE recovering (
    subject text COLLATE "C" PRIMARY KEY,
    cell_id text COLLATE "C" NOT NULL REFERENCES cells (id),
    held    int8 NOT NULL,
    seen_ms int8 NOT NULL
);
