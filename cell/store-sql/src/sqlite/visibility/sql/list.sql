SELECT row_id, namespace_id, record_id, position, workflow_id, workflow_type, task_queue, status, start_time, execution_time,
       close_time, history_length, history_size_bytes, state_transition_count, execution_duration,
       parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, division, length(memo)
FROM record AS r
WHERE r.namespace_id = ? AND (r.close_rank, r.start_rank, r.record_id) > (?, ?, ?) AND {filter}
ORDER BY r.close_rank, r.start_rank, r.record_id
LIMIT ?
