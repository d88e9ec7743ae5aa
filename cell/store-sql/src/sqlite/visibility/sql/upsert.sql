INSERT INTO record (namespace_id, record_id, position, close_rank, start_rank, workflow_id, workflow_type, task_queue, status,
                    start_time, execution_time, close_time, history_length, history_size_bytes, state_transition_count,
                    execution_duration, parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, division, memo)
VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}
ON CONFLICT (namespace_id, record_id) DO UPDATE SET
    position = excluded.position, close_rank = excluded.close_rank, start_rank = excluded.start_rank,
    workflow_id = excluded.workflow_id, workflow_type = excluded.workflow_type, task_queue = excluded.task_queue,
    status = excluded.status, start_time = excluded.start_time, execution_time = excluded.execution_time,
    close_time = excluded.close_time, history_length = excluded.history_length,
    history_size_bytes = excluded.history_size_bytes, state_transition_count = excluded.state_transition_count,
    execution_duration = excluded.execution_duration, parent_workflow_id = excluded.parent_workflow_id,
    parent_run_id = excluded.parent_run_id, root_workflow_id = excluded.root_workflow_id,
    root_run_id = excluded.root_run_id, division = excluded.division, memo = excluded.memo
WHERE excluded.position > record.position
RETURNING row_id, namespace_id, record_id
