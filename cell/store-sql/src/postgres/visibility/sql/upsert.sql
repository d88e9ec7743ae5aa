WITH given AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[],
                         $9::int8[], $10::int8[], $11::uuid[], $12::uuid[], $13::bytea[], $14::bytea[], $15::bytea[],
                         $16::bytea[], $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[], $21::bytea[])
        WITH ORDINALITY
        AS given (namespace_id, record_id, position, close_rank, start_rank, execution_time, history_length,
                  history_size_bytes, state_transition_count, execution_duration, parent_run_id, root_run_id, status,
                  workflow_id, workflow_type, task_queue, parent_workflow_id, root_workflow_id, division, memo,
                  attributes, number)
), written AS (
    INSERT INTO record (namespace_id, record_id, position, close_rank, start_rank, execution_time, history_length,
                        history_size_bytes, state_transition_count, execution_duration, parent_run_id, root_run_id,
                        status, workflow_id, workflow_type, task_queue, parent_workflow_id, root_workflow_id, division,
                        memo, attributes)
    SELECT namespace_id, record_id, position, close_rank, start_rank, execution_time, history_length,
           history_size_bytes, state_transition_count, execution_duration, parent_run_id, root_run_id, status,
           workflow_id, workflow_type, task_queue, parent_workflow_id, root_workflow_id, division, memo, attributes
    FROM given ORDER BY number
    ON CONFLICT (namespace_id, record_id) DO UPDATE SET
        position = excluded.position, close_rank = excluded.close_rank, start_rank = excluded.start_rank,
        execution_time = excluded.execution_time, history_length = excluded.history_length,
        history_size_bytes = excluded.history_size_bytes,
        state_transition_count = excluded.state_transition_count, execution_duration = excluded.execution_duration,
        deleted_at_ms = NULL, parent_run_id = excluded.parent_run_id, root_run_id = excluded.root_run_id,
        status = excluded.status, workflow_id = excluded.workflow_id, workflow_type = excluded.workflow_type,
        task_queue = excluded.task_queue, parent_workflow_id = excluded.parent_workflow_id,
        root_workflow_id = excluded.root_workflow_id, division = excluded.division, memo = excluded.memo,
        attributes = excluded.attributes
    WHERE excluded.position > record.position
    RETURNING namespace_id, record_id
), cleared AS (
    DELETE FROM attribute USING written
    WHERE attribute.record_id = written.record_id AND attribute.namespace_id = written.namespace_id
)
INSERT INTO attribute (namespace_id, position, close_rank, start_rank, kind, record_id, name, key, value)
SELECT given.namespace_id, given.position, given.close_rank, given.start_rank, of.kind, given.record_id, of.name, of.key,
       of.value
FROM unnest($22::int8[], $23::int2[], $24::bytea[], $25::bytea[], $26::bytea[])
    AS of (number, kind, name, key, value)
JOIN given ON given.number = of.number
JOIN written ON written.namespace_id = given.namespace_id AND written.record_id = given.record_id
