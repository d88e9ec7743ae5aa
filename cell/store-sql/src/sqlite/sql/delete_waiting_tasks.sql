DELETE FROM waiting
WHERE (shard, namespace_id, id, run_id, task_kind, scheduled_event_id) IN (VALUES {(?, ?, ?, ?, ?, ?)})
