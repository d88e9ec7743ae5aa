WITH wanted (number, shard, kind, namespace_id, id, run_id) AS (VALUES {(?, ?, ?, ?, ?, ?)})
SELECT number, NULL AS collection, NULL AS bucket, snapshot AS data, position_seq, position_index, wake_at_ms, closed,
       delete_at_ms, billed_bytes
FROM wanted CROSS JOIN entity USING (shard, kind, namespace_id, id, run_id)
UNION ALL
SELECT number, collection, bucket, data, NULL, NULL, NULL, NULL, NULL, NULL
FROM wanted CROSS JOIN entity USING (shard, kind, namespace_id, id, run_id)
CROSS JOIN chunk ON chunk.entity = entity.row_id
