-- Visibility records of one cell.

CREATE TABLE record (
    row_id                 INTEGER PRIMARY KEY,
    namespace_id           BLOB NOT NULL,
    run_id                 TEXT NOT NULL,
    position               INTEGER NOT NULL,
    -- The default order, ascending: bitwise complements of close time (the greatest while open) and start time.
    close_rank             INTEGER NOT NULL,
    start_rank             INTEGER NOT NULL,
    workflow_id            TEXT NOT NULL,
    workflow_type          TEXT NOT NULL,
    task_queue             TEXT NOT NULL,
    status                 TEXT NOT NULL,
    start_time             INTEGER NOT NULL,
    execution_time         INTEGER NOT NULL,
    close_time             INTEGER,
    history_length         INTEGER,
    history_size_bytes     INTEGER,
    state_transition_count INTEGER,
    execution_duration     INTEGER,
    parent_workflow_id     TEXT,
    parent_run_id          TEXT,
    root_workflow_id       TEXT,
    root_run_id            TEXT,
    division               TEXT,
    memo                   BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX record_run ON record (namespace_id, run_id);
CREATE INDEX record_order ON record (namespace_id, close_rank, start_rank, run_id);
CREATE INDEX record_workflow ON record (namespace_id, workflow_id);

-- Search attributes: a row of ordinal 0 for each, and more for further members of a list and the words of a text.
CREATE TABLE attribute (
    row_id       INTEGER NOT NULL,
    name         TEXT NOT NULL,
    ordinal      INTEGER NOT NULL,
    namespace_id BLOB NOT NULL,
    -- The number of its type.
    kind         INTEGER NOT NULL,
    -- What filters compare: null in a text's first row.
    value        ANY,
    -- The whole text, in a text's first row.
    text         TEXT,
    PRIMARY KEY (row_id, name, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX attribute_value ON attribute (namespace_id, name, kind, value) WHERE value IS NOT NULL;

-- Deletions: a late write of a former owner brings nothing back. They end after a while.
CREATE TABLE tombstone (
    namespace_id BLOB NOT NULL,
    run_id       TEXT NOT NULL,
    position     INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX tombstone_age ON tombstone (at_ms);

CREATE TRIGGER record_comes_late BEFORE INSERT ON record
WHEN EXISTS (SELECT 1 FROM tombstone WHERE namespace_id = NEW.namespace_id AND run_id = NEW.run_id
             AND position >= NEW.position)
BEGIN
    SELECT raise(IGNORE);
END;

CREATE TRIGGER record_deleted AFTER DELETE ON record
BEGIN
    DELETE FROM attribute WHERE row_id = OLD.row_id;
END;
