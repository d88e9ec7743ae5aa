INSERT OR REPLACE INTO waiting (namespace_id, task_kind, queue, priority, scheduled_at_ms, shard, kind, id, run_id,
                                scheduled_event_id, stamp)
VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}
