WITH new (shard, kind, namespace_id, id, run_id, collection, bucket, data) AS (VALUES {(?, ?, ?, ?, ?, ?, ?, ?)})
INSERT INTO chunk (entity, collection, bucket, data)
SELECT entity.row_id, collection, bucket, data
FROM new CROSS JOIN entity USING (shard, kind, namespace_id, id, run_id)
WHERE true
ON CONFLICT (entity, collection, bucket) DO UPDATE SET data = excluded.data
