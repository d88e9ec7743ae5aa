WITH wanted (number, shard, kind, namespace_id, id, run_id, first_event_id) AS (VALUES {(?, ?, ?, ?, ?, ?, ?)})
SELECT number, last_event_id, events
FROM wanted CROSS JOIN history USING (shard, kind, namespace_id, id, run_id, first_event_id)
