WITH gone (shard, kind, namespace_id, id, run_id, collection, bucket) AS (VALUES {(?, ?, ?, ?, ?, ?, ?)})
DELETE FROM chunk WHERE row_id IN (
    SELECT chunk.row_id
    FROM gone CROSS JOIN entity USING (shard, kind, namespace_id, id, run_id)
    CROSS JOIN chunk
    ON chunk.entity = entity.row_id AND chunk.collection = gone.collection AND chunk.bucket = gone.bucket)
