SELECT priority, scheduled_at_ms, shard, kind, id, run_id, scheduled_event_id, stamp FROM waiting
WHERE namespace_id = ? AND task_kind = ? AND queue = ?
  AND (priority, scheduled_at_ms, shard, kind, id, run_id, scheduled_event_id) > (?, ?, ?, ?, ?, ?, ?)
ORDER BY priority, scheduled_at_ms, shard, kind, id, run_id, scheduled_event_id
LIMIT ?
