DELETE FROM waiting
WHERE (shard, kind, namespace_id, id, run_id, task_kind, scheduled_event_id) IN (VALUES {(?, ?, ?, ?, ?, ?, ?)})
