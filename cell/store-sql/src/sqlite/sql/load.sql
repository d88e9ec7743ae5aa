WITH wanted (number, shard, kind, namespace_id, id, run_id) AS (VALUES {(?, ?, ?, ?, ?, ?)})
SELECT number, position_seq, position_index, wake_at_ms, closed, delete_at_ms, billed_bytes, snapshot
FROM wanted CROSS JOIN entity USING (shard, kind, namespace_id, id, run_id)
