SELECT namespace_id, record_id, position, close_rank, start_rank, execution_time, history_length, history_size_bytes,
       state_transition_count, execution_duration, parent_run_id, root_run_id, status, workflow_id, workflow_type,
       task_queue, parent_workflow_id, root_workflow_id, division, memo, attributes, found
FROM (
    SELECT *, count(*) OVER () AS found,
           sum(octet_length(memo) + octet_length(attributes)) OVER (
               ORDER BY close_rank, start_rank, record_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT r.* FROM record AS r{joins}
        WHERE {stands} AND r.deleted_at_ms IS NULL AND {filter}
        ORDER BY {place}.close_rank, {place}.start_rank, {place}.record_id
        LIMIT {first}
    ) AS page
) AS counted
WHERE before IS NULL OR before < {second}
ORDER BY close_rank, start_rank, record_id
