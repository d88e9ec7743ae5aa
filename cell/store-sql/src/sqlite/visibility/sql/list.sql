SELECT r.row_id, r.namespace_id, r.record_id, r.position, workflow_id, workflow_type, task_queue, status, start_time,
       execution_time, close_time, history_length, history_size_bytes, state_transition_count, execution_duration,
       parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, division, length(memo)
FROM record AS r{joins}
WHERE {stands} AND {filter}
ORDER BY {place}.close_rank, {place}.start_rank, {place}.record_id
LIMIT {first}
