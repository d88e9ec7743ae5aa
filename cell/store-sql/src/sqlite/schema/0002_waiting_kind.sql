-- Tasks wait of entities of any kind; those before were of workflow runs.

ALTER TABLE waiting RENAME TO waiting_of_runs;

CREATE TABLE waiting (
    namespace_id       BLOB NOT NULL,
    task_kind          INTEGER NOT NULL,
    queue              BLOB NOT NULL,
    priority           INTEGER NOT NULL,
    scheduled_at_ms    INTEGER NOT NULL,
    shard              INTEGER NOT NULL,
    kind               INTEGER NOT NULL,
    id                 BLOB NOT NULL,
    run_id             BLOB NOT NULL,
    scheduled_event_id INTEGER NOT NULL,
    stamp              INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, task_kind, queue, priority, scheduled_at_ms, shard, kind, id, run_id,
                 scheduled_event_id)
) STRICT, WITHOUT ROWID;

INSERT INTO waiting
SELECT namespace_id, task_kind, queue, priority, scheduled_at_ms, shard, 2, id, run_id, scheduled_event_id, stamp
FROM waiting_of_runs;

DROP TABLE waiting_of_runs;

-- A task of an entity has one row: writing it elsewhere replaces that.
CREATE UNIQUE INDEX waiting_task ON waiting (shard, kind, namespace_id, id, run_id, task_kind, scheduled_event_id);
