WITH given AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::int8[], $4::int8[]) WITH ORDINALITY
        AS given (namespace_id, record_id, position, deleted_at_ms, number)
), gone AS (
    INSERT INTO record (namespace_id, record_id, position, deleted_at_ms)
    SELECT namespace_id, record_id, position, deleted_at_ms FROM given ORDER BY number
    ON CONFLICT (namespace_id, record_id) DO UPDATE SET
        position = greatest(record.position, excluded.position), close_rank = DEFAULT,
        start_rank = DEFAULT, execution_time = DEFAULT, history_length = NULL, history_size_bytes = NULL,
        state_transition_count = NULL, execution_duration = NULL,
        deleted_at_ms = greatest(record.deleted_at_ms, excluded.deleted_at_ms), parent_run_id = NULL,
        root_run_id = NULL, status = DEFAULT, workflow_id = DEFAULT, workflow_type = DEFAULT, task_queue = DEFAULT,
        parent_workflow_id = NULL, root_workflow_id = NULL, division = NULL, memo = DEFAULT, attributes = DEFAULT
    WHERE excluded.position >= record.position OR record.deleted_at_ms IS NOT NULL
    RETURNING namespace_id, record_id
)
DELETE FROM attribute USING gone
WHERE attribute.record_id = gone.record_id AND attribute.namespace_id = gone.namespace_id
