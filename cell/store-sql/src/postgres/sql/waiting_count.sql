SELECT count(*) FROM (
    SELECT 1 FROM waiting
    WHERE namespace_id = $1 AND task_kind = $2 AND queue = $3
      AND (priority, scheduled_at_ms, shard, kind, id, run_id, scheduled_event_id) > ($4, $5, $6, $7, $8, $9, $10)
    LIMIT $11
) AS counted
