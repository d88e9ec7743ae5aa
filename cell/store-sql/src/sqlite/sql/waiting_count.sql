SELECT count(*) FROM (
    SELECT 1 FROM waiting
    WHERE namespace_id = ? AND task_kind = ? AND queue = ?
      AND (priority, scheduled_at_ms, shard, kind, id, run_id, scheduled_event_id) > (?, ?, ?, ?, ?, ?, ?)
    LIMIT ?
)
